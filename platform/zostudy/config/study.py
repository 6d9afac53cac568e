"""The keys of a study file: their meaning, their defaults and their rules."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import yaml
from pydantic import ConfigDict, Field, StrictBool, model_validator

from zostudy.config.distributions import Distribution
from zostudy.config.entry_schema import method_definitions
from zostudy.config.field_types import (
    AskedRatio,
    AskedSize,
    EachRatioOnce,
    Number,
    Positive,
    PositiveNumber,
    Section,
    Seed,
    Text,
    Whole,
    broken_rule,
    key,
)
from zostudy.config.model import ModelSpec
from zostudy.config.task import TaskSpec
from zostudy.methods import ImbalanceSettings
from zostudy.methods.options import ClassWeights, Prior, SamplerName
from zostudy.study_keys import with_prefix


class ImbalanceSpec(Section):
    """The class imbalance: ratios, sizes of the draws, and how methods handle it."""

    ratios: Annotated[
        tuple[AskedRatio, ...],
        Field(min_length=1),
        key(
            "imbalance ratios, majority / minority; natural: the classes in the proportions of the data; each gives "
            "one cell per method",
            example="[1, 10, 50]",
        ),
        EachRatioOnce,
    ] = (1.0,)
    minority_size: Annotated[
        AskedSize,
        key(
            "training examples of a minority class; all: as many as the data has at each ratio, less those of dev",
            example="all",
            rule="must be all or a whole number of at least 1",
        ),
    ] = 20
    dev_minority_size: Annotated[
        Positive | None,
        key(
            "dev examples of a minority class; null: as many as for training; with minority_size: all, a "
            "quarter of the examples, or all examples of the data's own dev split",
            example="50",
        ),
    ] = None
    profile: Annotated[
        Literal["step", "exponential"], key("class sizes where there are more than two classes", example="exponential")
    ] = "step"
    sampler: Annotated[
        Literal["auto", SamplerName],
        key(
            "natural: batches are drawn from the training set as it is; stratified: every batch holds each "
            "class in equal number; auto: stratified",
            example="natural",
        ),
    ] = "auto"
    prior: Annotated[
        Prior,
        key(
            "class prior of the AUC objective; global: the sampler's class shares; batch: the shares in each batch",
            example="batch",
        ),
    ] = ImbalanceSettings.prior
    margin: Annotated[PositiveNumber, key("margin of the AUC objective", example="0.5")] = ImbalanceSettings.margin
    class_weights: Annotated[
        ClassWeights, key("weights of the examples in every objective but AUC", example="balanced")
    ] = ImbalanceSettings.class_weights


class BudgetSpec(Section):
    """The budget of a trial."""

    queries: Annotated[
        Positive, key("queries of a trial; one query is one prompt evaluated on one batch", example="1000")
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
        Positive,
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

    seeds: Annotated[Positive, key("confirm trials of a cell", example="5")] = 3
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


class ResourcesSpec(Section):
    """The resources that one replica takes of its node."""

    cpus: Annotated[Positive, key("CPUs, and so threads, of a replica", example="4")] = 1
    gpus: Annotated[
        Number, Field(ge=0), key("GPUs of a replica; a fraction shares one, several hold a model", example="1")
    ] = 0.0
    accelerator_type: Annotated[
        Text | None, key("Ray's name of the accelerator that a node must have; null: any node", example="A100")
    ] = None
    memory: Annotated[
        Annotated[Number, Field(ge=1)] | None,
        key("GiB that a replica and the trials it serves take together; null: memory is ignored", example="24"),
    ] = None

    @model_validator(mode="after")
    def _whole_gpus(self) -> ResourcesSpec:
        if self.gpus > 1 and not self.gpus.is_integer():
            raise broken_rule("gpus must be a whole number, or below 1", remedy=f"write gpus: {round(self.gpus)}")
        return self


class MethodSpec(Section):
    """One entry of ``methods``.

    Attributes:
        label: names the entry's cells.
        algorithm: the registered method. Its key in the study file is ``method``.
        options: those that the study fixes.
        imbalance: settings of the imbalance that this entry has for itself. Their keys in the study file are
            ``imbalance.<setting>``.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    label: str
    algorithm: Annotated[str, Field(alias="method")]
    options: dict[str, Any] = Field(default_factory=dict)
    imbalance: dict[str, Any] = Field(default_factory=dict)

    @property
    def fixed(self) -> dict[str, Any]:
        """The options and ``imbalance.<setting>`` that the entry fixes, as its keys in the study file name them."""
        return self.options | with_prefix(self.imbalance)


class StudySpec(Section):
    """A study: methods compared on one task and model, at each imbalance ratio."""

    name: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"),
        key(
            "names the study's results folder",
            example="my-study",
            rule="must be up to 100 characters of A-Z a-z 0-9 . _ - and begin with a letter or digit",
        ),
    ]
    model: Annotated[ModelSpec, key("the frozen model", example="{name: mini-roberta}")]
    task: Annotated[TaskSpec, key("texts and labels", example="{name: reviews}")]
    imbalance: Annotated[ImbalanceSpec, key("how the classes are made uneven", example="{ratios: [1, 10, 50]}")] = (
        ImbalanceSpec()
    )
    methods: Annotated[
        tuple[MethodSpec, ...],
        Field(min_length=1),
        key(
            "each entry is a method's name, {method: {option: value}}, or {label: {method: name, option: value}}; "
            "imbalance.sampler and its like may stand beside the options, for that entry alone",
            example="[bpt-fzg, zosa, spsa]",
        ),
    ]
    budget: Annotated[BudgetSpec, key("what a trial may spend", example="{queries: 300}")] = BudgetSpec()
    search: Annotated[SearchSpec, key("how each cell is searched", example="{trials: 6}")] = SearchSpec()
    confirm: Annotated[ConfirmSpec, key("how each cell's best configuration is run again", example="{seeds: 3}")] = (
        ConfirmSpec()
    )
    seed: Annotated[Seed, key("seed of the whole study; all noise is a function of it", example="7")] = 0
    replicas: Annotated[
        Literal["auto"] | Positive,
        key(
            "replicas of the model; auto: as many as fit, up to what the study can keep busy",
            example="4",
            rule="must be auto or a whole number of at least 1",
        ),
    ] = "auto"
    resources: Annotated[ResourcesSpec, key("what a replica takes of its node", example="{cpus: 1, gpus: 0}")] = (
        ResourcesSpec()
    )

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Returns the JSON schema of a study file, with the options of every registered method."""
        schema = super().model_json_schema(*args, **kwargs)
        schema["$defs"] |= method_definitions()
        for section in (schema, *schema["$defs"].values()):
            for field in section.get("properties", {}).values():
                field.pop("title", None)
                if "examples" in field:  # YAML, for error messages
                    field["examples"] = [yaml.safe_load(example) for example in field["examples"]]
        return schema

    def resolved(self) -> dict[str, Any]:
        """Returns the study with its defaults filled in, as plain data. Written as YAML and loaded, it is equal.

        Keys that are null are left out. The options of the methods are those that the study fixes.
        """
        plain = self.model_dump(mode="json", exclude_none=True)
        return plain | {"methods": [_entry(method) for method in self.methods]}


def _entry(method: MethodSpec) -> str | dict[str, Any]:
    algorithm = {} if method.algorithm == method.label else {"method": method.algorithm}
    return {method.label: algorithm | method.fixed} if algorithm or method.fixed else method.label
