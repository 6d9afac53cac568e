"""The three ways a frozen model scores a text: at a mask, at the last token, or by its pooled state."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from zostudy.errors import ModelError


class Head(Protocol):
    """Turns the body's states into one score a class."""

    def __call__(self, states: Tensor, answers: Tensor, mask: Tensor) -> Tensor:
        """Returns scores ``[b, C]`` for states ``[b, L, D]``, answer positions ``[b]``, real-token mask ``[b, L]``."""
        ...


class TokenHead:
    """Logits of the label words at one position; serves masked and causal models alike."""

    def __init__(self, model: Any, label_tokens: Tensor) -> None:
        """Cuts the model's output layer down to the label words' rows.

        Args:
            model: a model for masked or causal language modelling; its output embeddings are replaced.
            label_tokens: int64 ``[C]``.
        """
        vocabulary = model.get_output_embeddings()
        if vocabulary is None:
            raise ModelError(
                f"{type(model).__name__} has no output embeddings to read label words from; set model.head: encoder"
            )
        rows = nn.Linear(vocabulary.in_features, len(label_tokens), bias=vocabulary.bias is not None)
        rows.weight = nn.Parameter(vocabulary.weight.detach()[label_tokens].clone(), requires_grad=False)
        if vocabulary.bias is not None:
            rows.bias = nn.Parameter(vocabulary.bias.detach()[label_tokens].clone(), requires_grad=False)
        model.set_output_embeddings(rows)
        self._head = _language_model_head(model)

    def __call__(self, states: Tensor, answers: Tensor, mask: Tensor) -> Tensor:
        """See ``Head``."""
        at_answer = states[torch.arange(len(states), device=states.device), answers]
        return torch.as_tensor(self._head(at_answer))


def _language_model_head(model: Any) -> Any:
    for name in ("lm_head", "cls"):
        if hasattr(model, name):
            return getattr(model, name)
    raise ModelError(
        f"the head of {type(model).__name__} is not known; "
        "use a RoBERTa, BERT, GPT-2 or Llama model, or model.head: encoder"
    )


class EncoderHead:
    """Cosine between the text's mean state and each label text's, times a temperature."""

    def __init__(self, label_states: Tensor, temperature: float) -> None:
        """Keeps the label texts' unit vectors.

        Args:
            label_states: ``[C, D]``, the label texts' mean states without a prompt.
            temperature: factor on the cosine.
        """
        self._labels = nn.functional.normalize(label_states, dim=-1)
        self._temperature = temperature

    def __call__(self, states: Tensor, answers: Tensor, mask: Tensor) -> Tensor:
        """See ``Head``."""
        return self._temperature * nn.functional.normalize(mean_state(states, mask), dim=-1) @ self._labels.T


def mean_state(states: Tensor, mask: Tensor) -> Tensor:
    """Returns the mean of the real tokens' states, ``[b, D]``, for states ``[b, L, D]`` and mask ``[b, L]``."""
    weights = mask.to(states.dtype).unsqueeze(-1)
    return (states * weights).sum(1) / weights.sum(1)
