"""The references: how prompts are scored elsewhere, in plain transformers.

One prompt at a time, float32, the prompt's vectors in front of every text, every text padded to the batch's longest,
and logits of the whole vocabulary: at the mask (masked models, as in Black-Box Tuning) or everywhere (causal models).
The careful loop differs from it in what one line of code each changes: bfloat16, and logits at the answer alone.
Attention is transformers' default in both, torch's ``scaled_dot_product_attention``.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from zostudy.config.model import ModelSpec
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.padded import with_prompts
from zostudy.lm.sources import ModelSource
from zostudy.lm.subspace import Subspaces
from zostudy.lm.weights import load_model


class ReferenceLoop:
    """Scores as ``FrozenLM`` does, only plainly."""

    def __init__(
        self,
        spec: ModelSpec,
        source: ModelSource,
        task: EncodedTask,
        dim: int,
        device: str = "cpu",
        careful: bool = False,
    ) -> None:
        """Loads transformers' own model.

        Args:
            spec: prompt length and scale, temperature.
            source: where the model is.
            task: the token ids.
            dim: entries of a latent.
            device: a torch device.
            careful: compute in bfloat16, and logits only where the answer is read.
        """
        self.model = load_model(source, torch.bfloat16 if careful else torch.float32).to(device)
        self.careful = careful
        self.head = source.head
        self.task = task
        self.device = device
        self.temperature = spec.temperature
        self.embeddings: Tensor = self.model.get_input_embeddings().weight
        self.subspace = Subspaces.of(spec, task, self._embed, float(self.embeddings.std())).get(0, dim)
        if self.head == "encoder":
            self.label_states = torch.cat([self._label_state(ids) for ids in task.label_texts])

    @torch.no_grad()
    def score(self, latents: NDArray[np.float32], rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """Returns float32 scores ``[q, b, C]`` for latents ``[q, d]`` and rows ``[q, b]``."""
        return np.stack([self._query(latent, batch).cpu().numpy() for latent, batch in zip(latents, rows, strict=True)])

    def _embed(self, ids: Tensor) -> Tensor:
        return self.embeddings[ids.to(self.embeddings.device)].float()

    def _query(self, latent: NDArray[np.float32], rows: NDArray[np.int32]) -> Tensor:
        """Returns the scores of one prompt, ``[b, C]``."""
        lead, label_tokens = self.task.lead, self.task.label_tokens
        ids, real = (torch.from_numpy(array).to(self.device) for array in self.task.padded(rows))
        prompt = self.subspace.prompts(torch.from_numpy(latent[None]).to(self.device)).expand(len(rows), -1, -1)
        embedded = functional.embedding(ids, self.embeddings)
        inputs = with_prompts(embedded, prompt.to(embedded.dtype), lead, real.long())

        if self.head == "encoder":
            states, mask = self.model(**inputs).last_hidden_state, inputs["attention_mask"]
            means = (states.float() * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
            return self.temperature * functional.cosine_similarity(means[:, None], self.label_states[None], dim=-1)
        texts_in_order = torch.arange(len(rows), device=self.device)
        answers = torch.from_numpy(self.task.answers[rows]).to(self.device) + prompt.shape[1]
        if self.head == "masked" or self.careful:
            states = self.model.base_model(**inputs).last_hidden_state
            logits = self.model.lm_head(states[texts_in_order, answers])
        else:
            logits = self.model(**inputs).logits[texts_in_order, answers]
        return torch.as_tensor(logits[:, torch.from_numpy(label_tokens).to(self.device)]).float()

    @torch.no_grad()
    def _label_state(self, ids: NDArray[np.int32]) -> Tensor:
        inputs = torch.from_numpy(ids)[None].to(self.device)
        return torch.as_tensor(self.model(input_ids=inputs).last_hidden_state.float().mean(dim=1))
