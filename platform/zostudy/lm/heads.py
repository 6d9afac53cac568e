"""The two ways in which transformers' own model scores a batch: by logits at the answer, or by pooled states."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from zostudy.lm.pooling import Pooling, pooled


class Head(Protocol):
    """Runs the model on a batch and returns one score a class."""

    def __call__(self, inputs: dict[str, Tensor], answers: Tensor, lengths: Sequence[int]) -> Tensor:
        """Returns scores ``[b, C]``.

        Args:
            inputs: of the model: ``inputs_embeds`` ``[b, L, D]``, and a mask where there is padding.
            answers: int64 ``[b]``, the position at which each text's answer is read.
            lengths: tokens of each text, prompt included; the rest of L is padding.
        """
        ...

    def states(self, inputs: dict[str, Tensor], answers: Tensor, lengths: Sequence[int]) -> Tensor:
        """Returns the states ``[b, D]`` from which the scores are read."""
        ...


class TokenHead:
    """Logits of the label words at one position, for masked and causal models alike."""

    def __init__(self, model: Any, label_tokens: Tensor) -> None:
        """Takes transformers' model with its head, and the label words' ids, int64 ``[C]``."""
        self._model = model
        self._label_tokens = label_tokens

    def __call__(self, inputs: dict[str, Tensor], answers: Tensor, lengths: Sequence[int]) -> Tensor:
        """See ``Head``."""
        with _only_at(self._model.get_output_embeddings(), answers):
            logits: Tensor = self._model(**inputs).logits
        # One position a text, unless the model multiplies by its output weights without calling that module.
        at_answer = logits[:, 0] if logits.shape[1] == 1 else _at(answers, logits)
        return at_answer[:, self._label_tokens]

    def states(self, inputs: dict[str, Tensor], answers: Tensor, lengths: Sequence[int]) -> Tensor:
        """See ``Head``; the states are the body's last ones, before any transform of the head."""
        return _at(answers, self._model.base_model(**inputs).last_hidden_state)


def _at(answers: Tensor, states: Tensor) -> Tensor:
    """Returns each text's state ``[b, D]`` at its answer; the states may be on another GPU than the inputs."""
    return states[torch.arange(len(answers), device=states.device), answers.to(states.device)]


@contextmanager
def _only_at(vocabulary: Any, answers: Tensor) -> Iterator[None]:
    """Gives the output layer, the largest matrix of many models, only the answers' states, ``[b, 1, D]``."""
    own_thread = threading.get_ident()  # forwards of other threads pass through this hook, too

    def narrowed(module: Any, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        states, *others = given
        is_own = threading.get_ident() == own_thread and states.dim() == 3
        return (_at(answers, states).unsqueeze(1) if is_own else states), *others

    hook = None if vocabulary is None else vocabulary.register_forward_pre_hook(narrowed)
    try:
        yield
    finally:
        if hook is not None:
            hook.remove()


class EncoderHead:
    """Cosine between the text's pooled state and each label text's, times a temperature."""

    def __init__(
        self, model: Any, label_texts: Sequence[NDArray[np.int32]], pooling: Pooling, temperature: float
    ) -> None:
        """Takes transformers' bare body, and computes the label texts' unit vectors from their ids."""
        self._model = model
        self._pooling = pooling
        self._temperature = temperature
        ids = (torch.from_numpy(text)[None].to(model.device) for text in label_texts)
        labels = [pooled(model(input_ids=each).last_hidden_state, pooling) for each in ids]
        self._labels = functional.normalize(torch.cat(labels).float(), dim=-1)

    def __call__(self, inputs: dict[str, Tensor], answers: Tensor, lengths: Sequence[int]) -> Tensor:
        """See ``Head``."""
        texts = self.states(inputs, answers, lengths)
        return self._temperature * functional.normalize(texts, dim=-1) @ self._labels.T

    def states(self, inputs: dict[str, Tensor], answers: Tensor, lengths: Sequence[int]) -> Tensor:
        """See ``Head``; the states are pooled."""
        states: Tensor = self._model(**inputs).last_hidden_state
        texts = [pooled(state[:length], self._pooling) for state, length in zip(states, lengths, strict=True)]
        return torch.stack(texts).float()
