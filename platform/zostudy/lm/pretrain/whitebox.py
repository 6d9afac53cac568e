"""The white-box check: the prompt that true gradients find for an embedded model; studies see its scores only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM, PreTrainedTokenizerFast

from zostudy.lm.padded import with_prompts
from zostudy.lm.pretrain.corpus import CLOSING, CLOSING_WORDS
from zostudy.lm.pretrain.tokenizer import single_token
from zostudy.lm.subspace import start_tokens
from zostudy.randomness import generator

PROMPT_TOKENS = 10


class WhiteBox:
    """An embedded model with prompt vectors in front of the text, differentiable in the vectors."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        masked = "RobertaForMaskedLM" in AutoConfig.from_pretrained(folder).architectures
        auto_class = AutoModelForMaskedLM if masked else AutoModelForCausalLM
        self._model = auto_class.from_pretrained(folder).eval().requires_grad_(False)
        self._template = f"{{text}} {CLOSING} {self._tokenizer.mask_token}." if masked else f"{{text}} {CLOSING}"
        self._label_ids = [single_token(self._tokenizer, word) for word in CLOSING_WORDS]
        self._table: Tensor = self._model.get_input_embeddings().weight
        first_id = self._tokenizer("a")["input_ids"][0]
        self._lead = int(first_id == self._tokenizer.bos_token_id)  # the prompt stands after a leading BOS

    def scores(self, texts: Sequence[str], prompt: Tensor) -> Tensor:
        """Returns the label words' logits, float32 ``[len(texts), 2]``.

        Args:
            texts: bare reviews.
            prompt: float32 ``[prompt_tokens, width]``; ``prompt_tokens`` may be 0.
        """
        encoded = self._tokenizer(
            [self._template.format(text=text) for text in texts],
            padding=True,
            padding_side="right",
            return_tensors="pt",
        )
        ids, attention = encoded["input_ids"], encoded["attention_mask"]
        if self._tokenizer.mask_token_id is None:
            answers = attention.sum(1) - 1
        else:
            answers = (ids == self._tokenizer.mask_token_id).int().argmax(1)
        inputs = with_prompts(self._table[ids], prompt.expand(len(ids), -1, -1), self._lead, attention)
        states = self._model.base_model(**inputs).last_hidden_state
        logits: Tensor = self._model.lm_head(states[torch.arange(len(ids)), answers + len(prompt)])
        return logits[:, self._label_ids]

    def start_prompt(self, seed: int) -> Tensor:
        """Returns the embeddings of random start tokens, float32 ``[10, width]``."""
        usable = np.setdiff1d(np.arange(len(self._table)), self._tokenizer.all_special_ids)
        return self._table[torch.from_numpy(start_tokens(seed, usable, PROMPT_TOKENS))]

    def projection(self, seed: int, subspace_dim: int) -> Tensor:
        """Returns A, float32 ``[10 * width, subspace_dim]``, with the table's spread over sqrt(subspace_dim)."""
        shape = (PROMPT_TOKENS * self._table.shape[1], subspace_dim)
        entries = generator(seed, "projection").standard_normal(shape, dtype=np.float32)
        projection: Tensor = torch.from_numpy(entries) * (float(self._table.std()) / subspace_dim**0.5)
        return projection

    def auc(self, texts: Sequence[str], labels: NDArray[np.int32], prompt: Tensor) -> float:
        """Returns the area under the ROC curve of great against terrible."""
        with torch.inference_mode():
            scores = torch.cat([self.scores(texts[i : i + 256], prompt) for i in range(0, len(texts), 256)])
        return float(roc_auc_score(labels, (scores[:, 1] - scores[:, 0]).numpy()))

    def no_prompt(self) -> Tensor:
        """Returns a prompt of no vectors, float32 ``[0, width]``."""
        return self._table[:0]


def tune_prompt(
    box: WhiteBox,
    texts: Sequence[str],
    labels: NDArray[np.int32],
    *,
    subspace_dim: int,
    seed: int = 0,
    steps: int = 100,
    learning_rate: float = 0.3,
    batch_size: int = 64,
) -> Tensor:
    """Returns the prompt, float32 ``[10, width]``, that Adam finds on the cross-entropy by true gradients.

    The prompt is ``p0 + reshape(A z)``, as in a study, and only z is tuned, from z = 0.
    """
    start, projection = box.start_prompt(seed), box.projection(seed, subspace_dim)
    latent = torch.zeros(subspace_dim, requires_grad=True)
    optimizer = torch.optim.Adam([latent], lr=learning_rate)
    for step in range(steps):
        rows = generator(seed, "white box", step).choice(len(texts), size=batch_size, replace=False)
        scores = box.scores([texts[row] for row in rows], start + (projection @ latent).reshape(start.shape))
        loss = cross_entropy(scores, torch.from_numpy(labels[rows]).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (start + (projection @ latent).reshape(start.shape)).detach()
