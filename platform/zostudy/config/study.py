"""A study file: its sections, the entries of ``methods``, and the rules of each key."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, model_validator

from zostudy.config.entry_schema import method_definitions
from zostudy.config.field_types import Number, Positive, Section, Seed, Text, broken_rule, key
from zostudy.config.imbalance import ImbalanceSpec
from zostudy.config.model import ModelSpec
from zostudy.config.search import BudgetSpec, ConfirmSpec, SearchSpec
from zostudy.config.task import TaskSpec
from zostudy.methods import Method, get_method
from zostudy.study_keys import imbalance_keys


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

    label: str
    algorithm: str
    options: dict[str, Any] = Field(default_factory=dict)
    imbalance: dict[str, Any] = Field(default_factory=dict)

    @property
    def fixed(self) -> dict[str, Any]:
        """The options and ``imbalance.<setting>`` that the entry fixes, as its keys in the study file name them."""
        return self.options | imbalance_keys(self.imbalance)

    @property
    def method_class(self) -> type[Method]:
        """The registered method."""
        return get_method(self.algorithm)

    @property
    def tunes(self) -> bool:
        """Whether the method spends queries. The untuned prompt does not."""
        return self.method_class.spends_queries


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
