"""transformers' own model run plainly, one text at a time, nothing padded or packed: what evaluators are held to."""

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
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.pooling import find_pooling, pooled
from zostudy.lm.sources import ModelSource


class PlainModel:
    """Scores texts one by one, as a user of transformers would.

    Attributes:
        family: transformers' ``model_type``.
    """

    def __init__(self, model: Any, source: ModelSource, task: EncodedTask, temperature: float) -> None:
        """Takes the model as it is.

        Args:
            model: from ``load_model``.
            source: where it came from.
            task: the token ids.
            temperature: factor on an encoder's cosine.

        Raises:
            ModelError: an encoder pools its states in a way that we do not know.
        """
        self.family: str = model.config.model_type
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
    def score_behind_tokens(self, prompt: Sequence[int], rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """Returns the scores ``[t, C]`` of rows with tokens for a prompt: the model itself embeds them all."""
        tokens, lead = torch.tensor(prompt, dtype=torch.long), self._task.lead

        def score(row: int) -> Tensor:
            ids = self._ids(row)
            whole = torch.cat([ids[:lead], tokens, ids[lead:]])
            return self._read({"input_ids": whole.unsqueeze(0)}, row, len(whole))

        return np.stack([score(row).numpy() for row in rows.tolist()])

    @torch.inference_mode()
    def score_behind_vectors(self, prompt: Callable[[], Tensor], rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """Returns the scores ``[t, C]`` of rows under a prompt of free vectors, float32 ``[n, D]``.

        Raises:
            DisagreementError: the model cannot be given vectors.
        """
        try:
            vectors = prompt()
            return np.stack([self._score_vectors(vectors, row).numpy() for row in rows.tolist()])
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise self.needs_more_than_vectors(f"raises {shorten(reason, 120, placeholder=' ...')}") from error

    def needs_more_than_vectors(self, fault: str) -> DisagreementError:
        """Returns the error of a model that free vectors mean nothing to."""
        return DisagreementError(
            f"a prompt of free vectors needs a model that reads tokens by their vectors alone, but {self.family} "
            f"({self._source.location}), given the vectors of a text in place of its tokens, {fault}; "
            f"name a model of another family in {self._source.named_by}"
        )

    def _score_vectors(self, prompt: Tensor, row: int) -> Tensor:
        texts, lead = self.embed(self._ids(row)), self._task.lead
        whole = torch.cat([texts[:lead], prompt.to(texts.dtype), texts[lead:]])
        return self._read({"inputs_embeds": whole.unsqueeze(0)}, row, len(whole))

    def _ids(self, row: int) -> Tensor:
        first, last = self._task.offsets[row : row + 2]
        return torch.from_numpy(self._task.tokens[first:last]).long()

    def _read(self, inputs: dict[str, Tensor], row: int, length: int) -> Tensor:
        if self._source.head == "encoder":
            return self._temperature * functional.cosine_similarity(self._state(inputs), self._labels, dim=-1)
        n_prompt = length - len(self._ids(row))
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
