"""The weights of a frozen model as plain arrays: read once by the driver, shared by all replicas of a node."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zostudy.errors import ModelError
from zostudy.lm.architecture import Architecture, is_quantised, packed_family
from zostudy.lm.checkpoint import read_tensors, weight_files
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.extraction import extract
from zostudy.lm.finding import load_config
from zostudy.lm.load_errors import load_errors_explained
from zostudy.lm.pooling import Pooling, find_pooling
from zostudy.lm.sources import ModelSource
from zostudy.lm.weight_checks import check_fit, check_layers, check_size

DType = Literal["float32", "bfloat16"]

TORCH_DTYPES: dict[DType, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}

# These are summed, normalised or looked up, never multiplied by a matrix: rounding them would save nothing.
_KEPT_IN_FLOAT32 = ("norm", "positions", "rotary", "head.")


@dataclass(frozen=True)
class Weights:
    """A model's tensors without its code; as numpy arrays, which Ray's object store shares without a copy.

    Attributes:
        architecture: how the tensors make a forward.
        dtype: of the matrix products.
        arrays: by the names of ``zostudy.lm.extraction``; float32, or the bits of bfloat16 as uint16.
        embedding_spread: standard deviation of all entries of the embedding table, in float32.
        pooling: how an encoder combines its tokens' states.
    """

    architecture: Architecture
    dtype: DType
    arrays: Mapping[str, NDArray[Any]]
    embedding_spread: float
    pooling: Pooling = "mean"

    def tensors(self, device: str = "cpu") -> dict[str, Tensor]:
        """Returns the tensors; on the CPU they share the arrays' memory."""
        return {name: _tensor(array).to(device) for name, array in self.arrays.items()}

    @property
    def n_bytes(self) -> int:
        """Size of all arrays."""
        return sum(array.nbytes for array in self.arrays.values())


def load_weights(
    source: ModelSource, encodings: Sequence[EncodedTask], prompt_tokens: int, dtype: DType
) -> Weights | None:
    """Returns the weights, or None for a model that only transformers' own code runs.

    Args:
        source: where the model is.
        encodings: one a wording. Their label words decide which rows of the output layer are kept, their longest input
            the positions.
        prompt_tokens: vectors in front of each text.
        dtype: of the matrix products.

    Raises:
        ModelError: the model cannot be loaded.
    """
    with load_errors_explained(source):
        if source.spread or packed_family(load_config(source)) is None:
            return None
    return weights_of(load_model(source, torch.float32), source, encodings, prompt_tokens, dtype)


def weights_of(
    model: Any, source: ModelSource, encodings: Sequence[EncodedTask], prompt_tokens: int, dtype: DType
) -> Weights | None:
    """As ``load_weights``, of a model from ``load_model`` in float32."""
    family = None if source.spread else packed_family(model.config)
    if family is None:
        return None
    labels = torch.from_numpy(np.concatenate([task.label_tokens for task in encodings])).long()
    texts = [len(text) for task in encodings for text in task.label_texts]
    longest = max(*(prompt_tokens + int(task.lengths.max()) for task in encodings), *texts, 0)
    architecture, tensors = extract(model, family, labels, longest)
    spread = float(tensors["embeddings"].std())
    arrays = {name: _array(name, tensor, dtype) for name, tensor in tensors.items()}
    pooling = find_pooling(source, encodings[0].lead) if source.head == "encoder" else "mean"
    return Weights(architecture, dtype, arrays, spread, pooling)


def load_model(source: ModelSource, dtype: torch.dtype, device: str = "cpu") -> Any:
    """Returns transformers' own frozen model on a torch device, all its weights out of the model's files.

    Raises:
        ModelError: it cannot be loaded, or weights and ``config.json`` do not fit each other, or the model not the GPUs
            over which it is to be spread.
    """
    spread = source.spread and device == "cuda"
    with load_errors_explained(source):
        config = load_config(source)
        held = read_tensors(weight_files(source))
        check_layers(source, config, held)
        blank = _blank(source, config)
        check_size(source, blank, held)
        quantised = is_quantised(config)  # computes in a dtype of its own, and may not move once it is read
        placed = "auto" if spread else device if quantised else None
        model, report = type(blank).from_pretrained(
            None,  # without a path transformers reads no other file
            config=blank.config,
            state_dict=held,
            dtype="auto" if quantised else dtype,
            device_map=placed,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # check_fit names them, with both shapes
        )
        if spread:
            _check_on_gpus(source, model)
        check_fit(source, model, report, held)
        model.config.use_cache = False
        return (model if placed else model.to(device)).eval().requires_grad_(False)


def _check_on_gpus(source: ModelSource, model: Any) -> None:
    """Checks that no layer is left to the processor or the disk, which would fetch it anew for each forward."""
    if any(parameter.device.type != "cuda" for parameter in model.parameters()):
        raise ModelError(
            "a model must fit into the GPUs of its replica",
            got=f"{source.location} does not",
            remedy="raise resources.gpus, or free their memory",
        )


def _blank(source: ModelSource, config: Any) -> Any:
    """Returns the model without memory for its weights."""
    from transformers import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM

    loader: Any = {"masked": AutoModelForMaskedLM, "causal": AutoModelForCausalLM, "encoder": AutoModel}[source.head]
    has_code = loader.__name__ in (getattr(config, "auto_map", None) or {})
    options = {"code_revision": source.revision} if has_code and source.revision else {}
    with torch.device("meta"):
        return loader.from_config(config, trust_remote_code=source.trust_remote_code, **options)


def _array(name: str, tensor: Tensor, dtype: DType) -> NDArray[Any]:
    if any(part in name for part in _KEPT_IN_FLOAT32):
        dtype = "float32"
    cast = tensor.detach().to(TORCH_DTYPES[dtype]).contiguous()
    return cast.numpy() if dtype == "float32" else cast.view(torch.uint16).numpy()


def _tensor(array: NDArray[Any]) -> Tensor:
    with warnings.catch_warnings():  # memory that other processes read too is read-only, as are the weights
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        tensor = torch.from_numpy(array)
    return tensor.view(torch.bfloat16) if array.dtype == np.uint16 else tensor
