"""The proof before the first trial: the evaluator scores as transformers' own model does, or nothing starts.

A handful of the task's own texts, from the shortest to the longest, is scored under two prompts: the start tokens,
which the plain model is given as tokens and embeds itself; and a random prompt, which both are given as vectors. The
comparison so covers all that lies between a row and its score: embeddings and their scale, positions, attention,
padding or packing, the head, and the position of the answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import shorten

import numpy as np
import torch
from numpy.typing import NDArray

from zostudy.config.model import ModelSpec
from zostudy.errors import DisagreementError, ModelError, ZostudyError
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.frozen import Evaluator, FrozenLM, Model, make_evaluators, packed_evaluators
from zostudy.lm.load_errors import load_errors_explained
from zostudy.lm.padded import PaddedLM
from zostudy.lm.plain import PlainModel
from zostudy.lm.sources import ModelSource
from zostudy.lm.start import start_tokens
from zostudy.lm.weights import DType, load_model, weights_of
from zostudy.randomness import generator

BOUNDS: dict[DType, float] = {"float32": 1e-4, "bfloat16": 0.1}
"""The largest difference from transformers' scores that a dtype may have, as a share of the largest score."""

TEXTS = 5
_SEED, _DIM = 0, 16


@dataclass(frozen=True)
class Agreement:
    """The distance of an evaluator's scores from those of transformers' model, in float32 unless that is quantised.

    Attributes:
        family: transformers' ``model_type``.
        dtype: of the evaluator's matrix products.
        evaluator: ``packed`` or ``padded``.
        texts: number of texts that were scored.
        prompts: number of prompts that each text was scored under.
        largest_score: the largest absolute score of transformers' model.
        difference: the largest difference, as a share of the largest score.
        bound: the largest difference allowed; a quantised model rounds as bfloat16 does.
    """

    family: str
    dtype: DType
    evaluator: str
    texts: int
    prompts: int
    largest_score: float
    difference: float
    bound: float

    @property
    def line(self) -> str:
        """The line that a run shows, the figure rounded up."""
        in_dtype = "" if self.dtype == "float32" else f" in {self.dtype}"
        return f"evaluator: {self.evaluator}, agrees with transformers to {rounded_up(self.difference)}{in_dtype}"


@dataclass(frozen=True)
class VerifiedModel:
    """A model whose evaluators agree with transformers.

    Attributes:
        model: weights, or their source.
        agreement: of the wording that is the least near.
        width: entries of a token's vector.
    """

    model: Model
    agreement: Agreement
    width: int


def read_verified(
    spec: ModelSpec, source: ModelSource, encodings: Mapping[str, EncodedTask], dtype: DType
) -> VerifiedModel:
    """Reads a model, and returns it if its evaluators in that dtype score as transformers does, in every wording.

    Whatever the dtype, the evaluator is first compared in float32, where the bound is tight.

    Args:
        spec: prompt length and scale, temperature.
        source: where the model is.
        encodings: the token ids in each wording, by name.
        dtype: of the matrix products.

    Raises:
        ModelError: the model cannot be loaded, or cannot score the task.
        DisagreementError: its evaluator's scores differ, or it cannot score in that dtype.
    """
    loaded = load_model(source, torch.float32)
    with load_errors_explained(source, "score the task's texts"):
        plain = {name: PlainModel(loaded, source, task, spec.temperature) for name, task in encodings.items()}
        by_tokens = {name: _by_tokens(plain[name], spec, task) for name, task in encodings.items()}
        weights = weights_of(loaded, source, [*encodings.values()], spec.prompt_tokens, "float32")
        evaluators: dict[str, Evaluator] = (
            packed_evaluators(spec, weights, encodings)
            if weights
            else {name: PaddedLM(spec, loaded, source, task) for name, task in encodings.items()}
        )
        width = next(iter(evaluators.values())).width
        dim = spec.prompt_tokens * width if spec.subspace == "none" else _DIM
        references = {
            name: _Reference(plain[name], by_tokens[name], evaluator, source, encodings[name], dim)
            for name, evaluator in evaluators.items()
        }
        agreement = _worst([references[name].check(evaluators[name], "float32") for name in encodings])
        if dtype == "float32":
            return VerifiedModel(weights or source, agreement, width)
        if weights is not None:
            weights = weights_of(loaded, source, [*encodings.values()], spec.prompt_tokens, dtype)
        del loaded, plain, evaluators  # so that there is never more than one copy
        return VerifiedModel(weights or source, _check_bfloat16(references, spec, weights or source, encodings), width)


def _worst(agreements: Sequence[Agreement]) -> Agreement:
    return max(agreements, key=lambda each: each.difference)


def _check_bfloat16(
    references: Mapping[str, _Reference], spec: ModelSpec, model: Model, encodings: Mapping[str, EncodedTask]
) -> Agreement:
    """Returns how near the evaluators are in bfloat16, in which not every model can be made.

    Raises:
        ModelError: as ``_Reference.check``.
        DisagreementError: the model cannot score in bfloat16.
    """
    try:
        evaluators = make_evaluators(spec, model, encodings, "bfloat16")
        return _worst([references[name].check(evaluators[name], "bfloat16") for name in encodings])
    except ZostudyError:
        raise
    except Exception as error:
        family = next(iter(references.values())).family
        raise DisagreementError(
            "a model must score the task's texts in its dtype",
            got=f"{family} cannot in bfloat16 ({shorten(str(error), 120, placeholder=' ...')})",
            remedy="set model.dtype to float32",
        ) from error


def _by_tokens(plain: PlainModel, spec: ModelSpec, task: EncodedTask) -> NDArray[np.float32]:
    """Returns the scores ``[t, C]`` of some rows with the start tokens for a prompt, which the model itself embeds.

    Raises:
        DisagreementError: it scores otherwise when it is given the tokens' vectors, so free vectors mean nothing to it.
    """
    tokens = start_tokens(_SEED, task.start_vocabulary, spec.prompt_tokens, task.start_text).tolist()
    rows = some_rows(task)
    by_tokens = plain.score_with_tokens(tokens, rows)
    difference = _largest(plain.score_with_vectors(lambda: plain.embed(tokens), rows) - by_tokens, by_tokens)
    if difference > BOUNDS["float32"]:
        raise plain.needs_more_than_vectors(f"differs by {difference:.1g} of the largest score")
    return by_tokens


class _Reference:
    """The scores of transformers' own model for a few texts under two prompts: the start tokens, and a random one.

    Attributes:
        family: transformers' ``model_type``.
    """

    def __init__(
        self,
        plain: PlainModel,
        by_tokens: NDArray[np.float32],
        evaluator: Evaluator,
        source: ModelSource,
        task: EncodedTask,
        dim: int,
    ) -> None:
        drawn = generator(_SEED, "agreement").standard_normal((1, dim), dtype=np.float32)
        latents = np.concatenate([np.zeros_like(drawn), drawn])
        prompt = evaluator.prompts(latents, _SEED)[1]
        self.family, self._quantised = plain.family, plain.quantised
        self._source, self._latents, self._rows = source, latents, some_rows(task)
        self._scores = np.stack([by_tokens, plain.score_with_vectors(lambda: prompt, self._rows)])  # [2, t, C]

    def check(self, evaluator: Evaluator, dtype: DType) -> Agreement:
        """Returns how near an evaluator is.

        Raises:
            ModelError: transformers' scores are not finite, or the evaluator differs by more than the bound.
        """
        if not np.isfinite(self._scores).all():
            raise ModelError(
                "a model must give finite scores",
                got=f"{self._source.location} gives {self._scores.flat[0]} when transformers runs it plainly",
                remedy="check its weights",
            )
        rows = np.tile(self._rows, (len(self._latents), 1))
        scores = evaluator.score(self._latents, rows, _SEED, group=len(self._latents))
        largest, difference = float(np.abs(self._scores).max()), _largest(scores - self._scores, self._scores)
        kind = "packed" if isinstance(evaluator, FrozenLM) else "padded"
        n_prompts, n_texts = self._scores.shape[:2]
        bound = BOUNDS["bfloat16" if self._quantised else dtype]
        agreement = Agreement(self.family, dtype, kind, n_texts, n_prompts, largest, difference, bound)
        if not difference <= bound:  # NaN is refused too
            raise self._disagreement(agreement, scores)
        return agreement

    def _disagreement(self, agreement: Agreement, scores: NDArray[np.float32]) -> DisagreementError:
        differences = np.nan_to_num(np.abs(scores - self._scores), nan=np.inf)
        worst = np.unravel_index(int(differences.argmax()), differences.shape)
        in_bfloat16 = agreement.dtype == "bfloat16"
        return DisagreementError(
            f"an evaluator must score as transformers' own model does, to {agreement.bound:g} of the largest score",
            got=f"the {agreement.evaluator} one for {self.family} in {agreement.dtype} differs by "
            f"{agreement.difference:.1g} (row {self._rows[worst[1]] + 1:,}: {scores[worst]:.4g}, transformers "
            f"{self._scores[worst]:.4g})",
            remedy="set model.dtype to float32" if in_bfloat16 else "name a model of another family",
        )


def _largest(differences: NDArray[np.float32], scores: NDArray[np.float32]) -> float:
    """Returns the largest difference as a share of the largest score."""
    return float(np.abs(differences).max()) / (float(np.abs(scores).max()) or 1.0)


def some_rows(task: EncodedTask) -> NDArray[np.int32]:
    """Returns a few of the task's rows, int32: the shortest text, the longest, and some at even distances between."""
    used = np.flatnonzero(task.lengths)
    by_length = used[np.argsort(task.lengths[used], kind="stable")]
    chosen = np.unique(np.linspace(0, len(used) - 1, TEXTS).round().astype(np.int64))
    return by_length[chosen].astype(np.int32)


def rounded_up(figure: float) -> str:
    """Returns a small figure with one digit, never below it: 3.1e-6 as 4e-6."""
    if figure <= 0:
        return "the last bit"
    exponent = math.floor(math.log10(figure))
    digit = math.ceil(figure / 10.0**exponent)
    return f"{digit}e{exponent}" if digit < 10 else f"1e{exponent + 1}"
