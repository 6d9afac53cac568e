"""transformers' own model run plainly, one text at a time, nothing padded or packed: the reference of evaluators."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cached_property
from textwrap import shorten
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from zostudy.errors import DisagreementError
from zostudy.lm.architecture import is_quantised
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.padded import with_prompts
from zostudy.lm.pooling import find_pooling, pooled
from zostudy.lm.sources import ModelSource


class PlainModel:
    """Scores texts one by one, as a user of transformers would.

    Attributes:
        family: transformers' ``model_type``.
        quantised: whether a quantiser has made codes of its weights.
    """

    def __init__(self, model: Any, source: ModelSource, task: EncodedTask, temperature: float) -> None:
        """Takes a model that ``load_model`` loaded from the source; the temperature is a factor on an encoder's cosine.

        Raises:
            ModelError: an encoder pools its states in an unknown way.
        """
        self.family: str = model.config.model_type
        self.quantised = is_quantised(model.config)
        self._model = model
        self._source = source
        self._task = task
        self._temperature = temperature
        self._pooling = find_pooling(source, task.lead) if source.head == "encoder" else "mean"
        self._takes_mask = "attention_mask" in inspect.signature(model.forward).parameters

    @torch.inference_mode()
    def embed(self, ids: Sequence[int] | Tensor) -> Tensor:
        """Returns the vectors ``[n, D]`` of tokens, by the model's own embedding module."""
        return torch.as_tensor(self._model.get_input_embeddings()(torch.as_tensor(ids, dtype=torch.long)))

    @torch.inference_mode()
    def score_with_tokens(self, prompt: Sequence[int], rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """Returns the scores ``[t, C]`` of rows with tokens for a prompt: the model itself embeds them all."""
        tokens, lead = torch.tensor(prompt, dtype=torch.long), self._task.lead

        def score(row: int) -> Tensor:
            ids = self._ids(row)
            whole = torch.cat([ids[:lead], tokens, ids[lead:]])
            return self._read({"input_ids": whole.unsqueeze(0)}, row, len(tokens))

        return np.stack([score(row).numpy() for row in rows.tolist()])

    @torch.inference_mode()
    def score_with_vectors(self, prompt: Callable[[], Tensor], rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """Returns the scores ``[t, C]`` of rows under a prompt of free vectors, float32 ``[n, D]``.

        Raises:
            DisagreementError: the model cannot be given vectors.
        """

        def score(vectors: Tensor, row: int) -> Tensor:
            text = self.embed(self._ids(row))
            inputs = with_prompts(text[None], vectors.to(text.dtype)[None], self._task.lead)
            return self._read(inputs, row, len(vectors))

        try:
            vectors = prompt()
            return np.stack([score(vectors, row).numpy() for row in rows.tolist()])
        except Exception as error:
            reason = shorten(f"{type(error).__name__}: {error}", 120, placeholder=" ...")
            raise self.needs_more_than_vectors(f"raises {reason}") from error

    def needs_more_than_vectors(self, fault: str) -> DisagreementError:
        """Returns the error of a model to which free vectors mean nothing."""
        return DisagreementError(
            "a prompt of free vectors needs a model that reads tokens by their vectors alone",
            got=f"{self.family} ({self._source.location}), given the vectors of a text in place of its tokens, {fault}",
            remedy="name a model of another family",
        )

    def _ids(self, row: int) -> Tensor:
        first, last = self._task.offsets[row : row + 2]
        return torch.from_numpy(self._task.tokens[first:last]).long()

    def _read(self, inputs: dict[str, Tensor], row: int, n_prompt: int) -> Tensor:
        if self._source.head == "encoder":
            return self._temperature * functional.cosine_similarity(self._state(inputs), self._labels, dim=-1)
        logits = self._run(inputs).logits[0, int(self._task.answers[row]) + n_prompt]
        return torch.as_tensor(logits[torch.from_numpy(self._task.label_tokens).long()]).float()

    @cached_property
    def _labels(self) -> Tensor:
        """The states of the label texts, ``[C, D]``."""
        ids = (torch.from_numpy(text).long().unsqueeze(0) for text in self._task.label_texts)
        return torch.stack([self._state({"input_ids": text}) for text in ids])

    def _state(self, inputs: dict[str, Tensor]) -> Tensor:
        """Returns an encoder's state of one text, ``[D]``."""
        return pooled(self._run(inputs).last_hidden_state[0].float(), self._pooling)

    def _run(self, inputs: dict[str, Tensor]) -> Any:
        """Runs the model on one input, with the mask that its tokenizer would give."""
        ones = torch.ones(next(iter(inputs.values())).shape[:2], dtype=torch.long)
        return self._model(**inputs, **({"attention_mask": ones} if self._takes_mask else {}))
