"""The sections ``budget``, ``search`` and ``confirm`` of a study file: which trials run, and what each may spend."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from zostudy.config.distributions import Distribution
from zostudy.config.field_types import Number, Positive, Section, SeedCount, Whole, key


class BudgetSpec(Section):
    """The budget of a trial."""

    queries: Annotated[
        Positive,
        key(
            "queries of a trial; one query is one batch scored once, with one prompt or one for each example",
            example="1000",
        ),
    ] = 300
    batch_size: Annotated[Positive, key("examples of a query", example="16")] = 32
    evaluations: Annotated[
        Positive, key("dev evaluations of a trial, evenly over the budget; they do not count as queries", example="10")
    ] = 5


class SearchSpec(Section):
    """The search of each cell's settings."""

    trials: Annotated[
        Whole, Field(ge=0), key("configurations that are tried in a cell; 0: the defaults are confirmed", example="8")
    ] = 0
    seeds: Annotated[
        SeedCount,
        key(
            "seeds on which each configuration is judged, by its mean dev AUC; start tokens, subspace and data of a "
            "seed are the same for all configurations",
            example="3",
        ),
    ] = 1
    p_threshold: Annotated[
        Number,
        Field(ge=0, le=1),
        key(
            "p_threshold of Optuna's WilcoxonPruner: a configuration loses its other seeds where a signed-rank "
            "test against the best finds it worse at this level; at 0.1 after 4 seeds or more, at 0.2 after 3, "
            "at 0.3 after 2; 0: never",
            example="0.05",
            rule="must be a number from 0 to 1",
        ),
    ] = 0.1
    lag: Annotated[Positive, key("trial n is proposed from the results of the trials up to n - lag", example="4")] = 2
    sampler: Annotated[Literal["tpe", "random"], key("Optuna's sampler", example="random")] = "tpe"
    startup_trials: Annotated[
        Positive,
        key("random trials of a cell before TPE takes over, and complete trials before median stops any", example="8"),
    ] = 4
    pruning: Annotated[
        Literal["none", "asha", "median"],
        key(
            "stop search trials with low dev AUC, judged by the results up to n - lag; median: below the median of the "
            "complete trials; asha: outside the best third after evaluations 1, 3, 9, ...",
            example="median",
        ),
    ] = "none"
    space: Annotated[
        dict[str, Distribution],
        key(
            "option: choice or range. An option applies to each method that has it and does not fix it; label.option "
            "to one entry of methods, imbalance.setting to the sampling of batches and the objective, task.wording to "
            "the words in which the model is asked; without an option: the default space of each method, which zostudy "
            "methods shows",
            example="{reach: {low: 0.3, high: 10.0, log: true}}",
            rule="must give each option as {choice: [...]} or {low: ..., high: ...}",
        ),
    ] = Field(default_factory=dict)


class ConfirmSpec(Section):
    """The repeats of each cell's best configuration on fresh seeds. Only this stage opens test."""

    seeds: Annotated[SeedCount, key("confirm trials of a cell", example="5")] = 3
    landscape: Annotated[
        StrictBool,
        key(
            "evaluate the training loss around the final point of a confirm trial, and its sharpness, off the budget",
            example="false",
        ),
    ] = True
    scores: Annotated[
        StrictBool,
        key(
            "store each dev and test row's scores of a confirm trial: curves, reliability and export need them",
            example="false",
        ),
    ] = True
