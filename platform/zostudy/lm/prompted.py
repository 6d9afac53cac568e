"""The base class of both evaluators: latents and row numbers in; scores out, or states and gradients for references."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zostudy.config.model import ModelSpec
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.packing import Indices
from zostudy.lm.subspace import Subspaces


class PromptedLM(ABC):
    """A frozen model with a task's tokens. A latent of no entries stands for no prompt."""

    def __init__(self, spec: ModelSpec, task: EncodedTask, device: str, embedding_spread: float) -> None:
        """Takes the parts that both evaluators have.

        Args:
            spec: prompt length and scale, temperature.
            task: the token ids.
            device: a torch device.
            embedding_spread: the standard deviation of all entries of all tokens' vectors.
        """
        self._spec = spec
        self._task = task
        self._device = torch.device(device)
        self._subspaces = Subspaces.of(spec, task, self.embed, embedding_spread)

    @abstractmethod
    def embed(self, ids: Tensor) -> Tensor:
        """Returns the vectors ``[..., D]`` of tokens, in the dtype of the matrix products."""

    @property
    @abstractmethod
    def embeddings(self) -> Tensor:
        """The vectors of all tokens ``[V, D]``, in the dtype of the matrix products."""

    @property
    @abstractmethod
    def width(self) -> int:
        """D, the entries of a token's vector."""

    @abstractmethod
    def _forwards(self, rows: NDArray[np.int32], prompt_tokens: int, group: int) -> Iterator[tuple[Indices, Indices]]:
        """Yields queries and columns, int64 ``[s]`` each, of the texts of each forward."""

    @abstractmethod
    def _scores(self, prompts: Tensor, queries: Indices, rows: NDArray[np.int32]) -> Tensor:
        """Returns the scores ``[s, C]`` of rows, each under the prompt of its query, in one forward."""

    @abstractmethod
    def _states(self, prompts: Tensor, queries: Indices, rows: NDArray[np.int32]) -> Tensor:
        """Returns the states ``[s, D]`` from which those scores are read."""

    def score(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        """Returns float32 scores ``[q, b, C]``: the label words' logits of each row under each prompt.

        Args:
            latents: float32 ``[q, d]``.
            rows: int32 ``[q, b]``, row numbers of the task.
            seed: names the subspace and start tokens.
            group: number of consecutive queries that share a forward on each example, so that their difference is not
                disturbed by the batch it was computed in.
        """
        return self.score_prompts(self.prompts(latents, seed), rows, group)

    @torch.inference_mode()
    def prompts(self, latents: NDArray[np.float32], seed: int) -> Tensor:
        """Returns the prompts of latents ``[q, d]`` in the subspace that the seed names, float32 ``[q, n, D]``."""
        return self._prompts(torch.from_numpy(latents).to(self._device), seed)

    @torch.inference_mode()
    def score_prompts(self, prompts: Tensor, rows: NDArray[np.int32], group: int = 1) -> NDArray[np.float32]:
        """As ``score``, with the prompts themselves, float32 ``[q, n, D]``."""
        return self._collected(self._scores, prompts, rows, group)

    @torch.inference_mode()
    def states(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        """Returns the states from which the scores are read, float32 ``[q, b, D]``; arguments as in ``score``.

        They stand at the mask or the last token; an encoder's are its pooled states.
        """
        return self._collected(self._states, self.prompts(latents, seed), rows, group)

    def gradients(
        self, latents: NDArray[np.float32], rows: NDArray[np.int32], seed: int = 0, group: int = 1
    ) -> NDArray[np.float32]:
        """Returns each score before its gradient in the latent, float32 ``[q, b, C * (1 + d)]``.

        The forward is that of ``score``, with a prompt of its own for each example, so that one backward pass a class
        gives the gradients of all examples. ``group`` changes nothing: nobody takes differences of these.
        """
        n_latents, dim = latents.shape
        n_classes = self._task.n_classes
        answers = np.empty((rows.size, n_classes, 1 + dim), dtype=np.float32)
        own_latents, own_rows = np.repeat(latents, rows.shape[1], axis=0), rows.reshape(-1, 1)
        for examples, columns in self._forwards(own_rows, self._n_tokens(dim), group=1):
            with torch.enable_grad():
                points = torch.from_numpy(own_latents[examples]).to(self._device).requires_grad_()
                prompts = self._prompts(points, seed)
                scores = self._scores(prompts, np.arange(len(examples)), own_rows[examples, columns])
                totals = scores.float().sum(dim=0)
            answers[examples, :, 0] = scores.detach().float().cpu().numpy()
            for label in range(n_classes):
                [gradient] = torch.autograd.grad(totals[label], points, retain_graph=label + 1 < n_classes)
                answers[examples, label, 1:] = gradient.cpu().numpy()
        return answers.reshape(n_latents, -1, n_classes * (1 + dim))

    def _collected(
        self,
        forward: Callable[[Tensor, Indices, NDArray[np.int32]], Tensor],
        prompts: Tensor,
        rows: NDArray[np.int32],
        group: int,
    ) -> NDArray[np.float32]:
        """Returns what all forwards give, float32 ``[q, b, C]``, or as wide as a state is."""
        prompts = prompts.to(self._device)
        collected = np.empty((*rows.shape, 0), dtype=np.float32)
        for queries, columns in self._forwards(rows, prompts.shape[1], group):
            found = forward(prompts, queries, rows[queries, columns]).float().cpu().numpy()
            if not collected.size:
                collected = np.empty((*rows.shape, found.shape[1]), dtype=np.float32)
            collected[queries, columns] = found
        return collected

    def _prompts(self, latents: Tensor, seed: int) -> Tensor:
        if not latents.shape[1]:
            return latents.new_zeros(len(latents), 0, self.width)
        return self._subspaces.get(seed, latents.shape[1]).prompts(latents)

    def _n_tokens(self, dim: int) -> int:
        """Returns how many vectors the prompt of a latent of ``dim`` entries has."""
        return self._spec.prompt_tokens if dim else 0
