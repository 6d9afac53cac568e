"""Rules on a prompt's length and start, and on methods that tune it without a subspace."""

from __future__ import annotations

from collections.abc import Iterator

from zostudy.config.model import ModelSpec
from zostudy.config.problems import Problem
from zostudy.config.study import StudySpec

_DIMENSION = "subspace_dim"


def prompt_problems(study: StudySpec) -> Iterator[Problem]:
    """Yields a problem for a missing prompt, keys of another start, and what ``subspace: none`` forbids."""
    model = study.model
    if not model.prompt_tokens:
        yield from _without_prompt(study)
    if model.start == "text" and model.start_text is None:
        remedy = "give the words in model.start_text"
        yield Problem(("model", "start"), "must have model.start_text where it is text", model.start, remedy)
    if model.start != "text" and model.start_text is not None:
        remedy = "set model.start: text, or leave the words out"
        yield Problem(("model", "start_text"), "must be given with model.start: text alone", model.start_text, remedy)
    if model.start != "best-of-k" and model.start_draws != ModelSpec.model_fields["start_draws"].default:
        rule, remedy = "must be given with model.start: best-of-k alone", "set model.start: best-of-k, or leave it out"
        yield Problem(("model", "start_draws"), rule, model.start_draws, remedy)
    if model.subspace == "none":
        yield from _given_dimensions(study)
        yield from _too_costly(study)


def _without_prompt(study: StudySpec) -> Iterator[Problem]:
    """Yields a problem where a method tunes a prompt of no tokens, or where such a prompt is given a start."""
    model = study.model
    tuned = [method.label for method in study.methods if method.tunes]
    if tuned:
        rule = f"must be at least 1 where a method tunes the prompt, as {tuned[0]} does"
        remedy = "raise it, or keep only methods that tune nothing, such as no-prompt"
        yield Problem(("model", "prompt_tokens"), rule, model.prompt_tokens, remedy)
    for key, usual in (("start", "vocabulary"), ("subspace", "random")):
        if getattr(model, key) != usual:
            rule, remedy = f"must be {usual} where model.prompt_tokens is 0", "leave it out, or raise prompt_tokens"
            yield Problem(("model", key), rule, getattr(model, key), remedy)


def _given_dimensions(study: StudySpec) -> Iterator[Problem]:
    rule = f"must be without {_DIMENSION} where model.subspace is none: d is prompt_tokens times the embeddings' width"
    for index, method in enumerate(study.methods):
        if _DIMENSION in method.options:
            path = ("methods", index, method.label, _DIMENSION)
            yield Problem(path, rule, method.options[_DIMENSION], "leave it out")
    for key in study.search.space:
        if key.rpartition(".")[2] == _DIMENSION:
            yield Problem(("search", "space", key), rule, key, "leave it out")


def _too_costly(study: StudySpec) -> Iterator[Problem]:
    """Yields a problem for each method whose cost, at the study's options, grows with the square of d."""
    for index, method in enumerate(study.methods):
        remedy = method.method_class.remedy_for_square_cost(method.method_class.Options(**method.options))
        if remedy is not None:
            rule = "must not take memory or time that grows with d^2 where model.subspace is none"
            yield Problem(("methods", index, method.label), rule, method.label, remedy)
