"""Gradients, states, and texts without a prompt, which references ask for, against transformers' own model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from zostudy.config.known import EMBEDDED_MODELS
from zostudy.config.model import ModelSpec
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.finding import find_model
from zostudy.lm.frozen import Evaluator, FrozenLM, make_evaluator
from zostudy.lm.padded import PaddedLM
from zostudy.lm.sources import ModelSource, minilm_installed
from zostudy.lm.subspace import Subspaces
from zostudy.lm.weights import load_model

SEED, DIM, BATCH = 3, 6, 5
MODELS = [
    *EMBEDDED_MODELS,
    pytest.param("minilm", marks=pytest.mark.skipif(not minilm_installed(), reason="no minilm package")),
]


@dataclass(frozen=True)
class Subject:
    """An evaluator, and transformers' own model beside it."""

    spec: ModelSpec
    source: ModelSource
    task: EncodedTask
    lm: Evaluator
    model: Any

    def states(self, latent: Tensor | None, row: int) -> Tensor:
        """Returns the last states ``[L, D]`` of one text; without a latent, without a prompt."""
        table = self.model.get_input_embeddings()
        ids = torch.from_numpy(self.task.tokens[self.task.offsets[row] : self.task.offsets[row + 1]]).long()
        text = table(ids)
        if latent is not None:
            subspace = Subspaces.of(self.spec, self.task, table, float(table.weight.std())).get(SEED, DIM)
            assert isinstance(subspace.projection, Tensor)
            prompt = subspace.start + (latent @ subspace.projection).view(self.spec.prompt_tokens, -1)
            text = torch.cat([text[: self.task.lead], prompt, text[self.task.lead :]])
        body = self.model if self.source.head == "encoder" else self.model.base_model
        states: Tensor = body(inputs_embeds=text[None]).last_hidden_state[0]
        return states

    def state(self, latent: Tensor | None, row: int) -> Tensor:
        """Returns the state ``[D]`` from which the text's scores are read."""
        states = self.states(latent, row)
        if self.source.head == "encoder":
            return states.mean(dim=0)
        return states[int(self.task.answers[row]) + (0 if latent is None else self.spec.prompt_tokens)]

    def scores(self, latent: Tensor | None, row: int) -> Tensor:
        """Returns the scores ``[C]`` of one text."""
        state = self.state(latent, row)
        if self.source.head != "encoder":
            logits: Tensor = self.model.lm_head(state)
            return logits[torch.from_numpy(self.task.label_tokens).long()]
        words = [
            self.model(input_ids=torch.from_numpy(ids)[None].long()).last_hidden_state[0].mean(dim=0)
            for ids in self.task.label_texts
        ]
        return self.spec.temperature * torch.nn.functional.cosine_similarity(state[None], torch.stack(words))


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> tuple[ModelSpec, ModelSource, Any]:
    spec = ModelSpec(name=request.param, prompt_tokens=4)
    source = find_model(spec)
    return spec, source, load_model(source, torch.float32).requires_grad_(False)


@pytest.fixture(params=["packed", "padded"])
def subject(request: pytest.FixtureRequest, model: Any, random_task: Callable[..., EncodedTask]) -> Subject:
    spec, source, loaded = model
    task = random_task(source.head, lead=0 if spec.name == "mini-gpt2" else 1)
    if request.param == "padded":
        return Subject(spec, source, task, PaddedLM(spec, loaded, source, task), loaded)
    packed = make_evaluator(spec, source, task, "float32")
    assert isinstance(packed, FrozenLM)
    return Subject(spec, source, task, packed, loaded)


def queries(n_queries: int = 2) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    noise = np.random.default_rng(0)
    latents = noise.standard_normal((n_queries, DIM)).astype(np.float32)
    return latents, noise.integers(0, 12, (n_queries, BATCH)).astype(np.int32)


def gradients_of(lm: Evaluator, latents: NDArray[np.float32], rows: NDArray[np.int32]) -> NDArray[np.float32]:
    """Returns float32 ``[q, b, C, 1 + d]``."""
    answers = lm.gradients(latents, rows, SEED)
    assert answers.dtype == np.float32
    assert answers.shape[:2] == rows.shape
    return answers.reshape(*rows.shape, -1, 1 + DIM)


@pytest.mark.slow
def test_gradients_equal_autograd_on_transformers_own_model(subject: Subject) -> None:
    latents, rows = queries()
    answers = gradients_of(subject.lm, latents, rows)
    for query, column in ((0, 0), (0, 3), (1, 4)):
        latent = torch.from_numpy(latents[query]).requires_grad_()
        scores = subject.scores(latent, int(rows[query, column]))
        found = answers[query, column]
        np.testing.assert_allclose(found[:, 0], scores.detach(), rtol=1e-3, atol=1e-4)
        for label, score in enumerate(scores):
            [expected] = torch.autograd.grad(score, latent, retain_graph=True)
            largest = float(expected.abs().max())
            assert largest > 1e-4
            np.testing.assert_allclose(found[label, 1:], expected, rtol=1e-3, atol=2e-3 * largest)


@pytest.mark.slow
def test_gradients_are_those_of_the_evaluators_own_scores(subject: Subject) -> None:
    """Central differences of ``score``, the function that black-box methods see, along random directions."""
    latents, rows = queries(1)
    answers = gradients_of(subject.lm, latents, rows)[0]
    np.testing.assert_allclose(answers[..., 0], subject.lm.score(latents, rows, SEED)[0], rtol=1e-4, atol=1e-4)
    radius = 0.02
    for direction in np.random.default_rng(1).standard_normal((4, DIM)).astype(np.float32):
        pair = np.concatenate([latents + radius * direction, latents - radius * direction])
        up, down = subject.lm.score(pair, np.repeat(rows, 2, axis=0), SEED, group=2)
        differences = (up.astype(np.float64) - down) / (2 * radius)
        slopes = answers[..., 1:] @ direction
        error = float(np.linalg.norm(slopes - differences) / np.linalg.norm(differences))
        assert error < 0.02


@pytest.mark.slow
def test_a_gradient_does_not_depend_on_its_batch_and_leaves_scores_as_they_were(subject: Subject) -> None:
    latents, rows = queries()
    before = subject.lm.score(latents, rows, SEED)
    together = gradients_of(subject.lm, latents, rows)
    np.testing.assert_array_equal(together, gradients_of(subject.lm, latents, rows))
    alone = gradients_of(subject.lm, latents[1:], rows[1:, 2:3])
    np.testing.assert_allclose(together[1:, 2:3], alone, rtol=1e-3, atol=1e-3 * float(np.abs(alone).max()))
    np.testing.assert_array_equal(before, subject.lm.score(latents, rows, SEED))


def test_states_are_those_that_transformers_reads_the_scores_from(subject: Subject) -> None:
    latents, rows = queries()
    states = subject.lm.states(latents, rows, SEED)
    assert states.dtype == np.float32
    for query, column in ((0, 1), (1, 4)):
        expected = subject.state(torch.from_numpy(latents[query]), int(rows[query, column]))
        np.testing.assert_allclose(states[query, column], expected, rtol=1e-3, atol=1e-4)


def test_an_empty_latent_is_no_prompt(subject: Subject) -> None:
    nothing, rows = np.zeros((2, 0), dtype=np.float32), queries()[1]
    scores, states = subject.lm.score(nothing, rows, SEED), subject.lm.states(nothing, rows, SEED)
    for query, column in ((0, 0), (1, 4)):
        row = int(rows[query, column])
        np.testing.assert_allclose(scores[query, column], subject.scores(None, row), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(states[query, column], subject.state(None, row), rtol=1e-3, atol=1e-4)


def test_a_model_without_prompt_tokens_scores_as_without_a_prompt_at_any_latent(
    model: Any, random_task: Callable[..., EncodedTask]
) -> None:
    spec, source, _ = model
    task = random_task(source.head, lead=0 if spec.name == "mini-gpt2" else 1)
    latents, rows = queries()
    none = np.zeros((2, 0), dtype=np.float32)
    bare = make_evaluator(spec.model_copy(update={"prompt_tokens": 0}), source, task, "float32")
    with_prompts = make_evaluator(spec, source, task, "float32")
    np.testing.assert_array_equal(bare.score(latents, rows, SEED), with_prompts.score(none, rows, SEED))
    assert not gradients_of(bare, latents, rows)[..., 1:].any()


@pytest.mark.parametrize("name", EMBEDDED_MODELS)
def test_gradients_in_bfloat16_point_where_those_of_float32_point(
    name: str, random_task: Callable[..., EncodedTask]
) -> None:
    spec = ModelSpec(name=name, prompt_tokens=4)
    source = find_model(spec)
    task = random_task(source.head, lead=0 if name == "mini-gpt2" else 1)
    latents, rows = queries()
    exact, rounded = (
        gradients_of(make_evaluator(spec, source, task, dtype), latents, rows)[..., 1:].reshape(-1)
        for dtype in ("float32", "bfloat16")
    )
    assert exact @ rounded / (np.linalg.norm(exact) * np.linalg.norm(rounded)) > 0.99
    assert not np.array_equal(exact, rounded)
