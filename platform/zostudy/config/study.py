"""The keys of a study file: their meaning, their defaults and their rules."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import yaml
from pydantic import ConfigDict, Field, StrictBool, model_validator

from zostudy.config.distributions import Distribution
from zostudy.config.entry_schema import method_definitions
from zostudy.config.kinds import (
    EachOnce,
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
from zostudy.config.ratios import AskedRatio, AskedSize
from zostudy.methods import ImbalanceSettings
from zostudy.methods.options import ClassWeights, Prior, SamplerName

EMBEDDED_MODELS = ("mini-roberta", "mini-gpt2", "mini-llama")
BUILT_IN_MODELS = (*EMBEDDED_MODELS, "minilm")
HeadKind = Literal["masked", "causal", "encoder"]
SubspaceKind = Literal["random", "none"]

OWN_WORDING = "default"
"""The name of a task's own template and label words among its wordings."""


EMBEDDED_TASK = "reviews"
WELL_KNOWN_TASKS = (
    *(EMBEDDED_TASK, "sst2", "sst5", "mr", "cr", "mpqa", "imdb", "yelp", "book", "elec", "ag_news", "dbpedia", "trec"),
    *("subj", "cola", "mrpc", "qqp", "rte", "qnli", "wnli", "mnli", "snli"),
)


class ModelSpec(Section):
    """The frozen model, and how the prompt enters it."""

    name: Annotated[
        Text,
        key("an embedded model, minilm, a hub id, or a folder relative to the study file", example="mini-roberta"),
    ]
    head: Annotated[
        Literal["auto", HeadKind], key("how the model scores a text; auto: as its architecture suggests")
    ] = "auto"
    prompt_tokens: Annotated[
        Whole, Field(ge=0), key("number of prompt vectors in front of each text; 0: none, so that nothing can be tuned")
    ] = 10
    prompt_scale: Annotated[
        PositiveNumber,
        key("spread of a prompt entry for a standard normal latent, in units of the embedding table's spread"),
    ] = 1.0
    start: Annotated[
        Literal["vocabulary", "text", "best-of-k"],
        key(
            "where a prompt starts; vocabulary: at random tokens; text: at start_text; best-of-k: at the best of "
            "start_draws random draws, by AUC on as many dev rows of each class, whose queries count"
        ),
    ] = "vocabulary"
    start_text: Annotated[
        Text | None,
        key(
            "the words that a prompt starts at with start: text, repeated or cut to prompt_tokens tokens",
            example="Is this text spam?",
        ),
    ] = None
    start_draws: Annotated[Positive, key("draws that start: best-of-k chooses from")] = 8
    subspace: Annotated[
        SubspaceKind,
        key(
            "random: a method tunes subspace_dim numbers, which a random matrix spreads over the prompt; none: it "
            "tunes every entry of the prompt, so that d is prompt_tokens times the width of the embeddings"
        ),
    ] = "random"
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16"],
        key(
            "of the matrix products; auto: bfloat16 where the processor has a unit for it and a measurement shows that "
            "its rounding hides no cell's loss differences, else float32"
        ),
    ] = "auto"
    max_length: Annotated[
        Positive | None, key("longest input in tokens, prompt included; null: the model's own limit", example="128")
    ] = None
    temperature: Annotated[PositiveNumber, key("factor on the cosines of the encoder head")] = 20.0
    revision: Annotated[Text | None, key("hub revision: branch, tag or commit", example="main")] = None
    trust_remote_code: Annotated[
        StrictBool, key("run Python files that come with the model; they run as you, here and on every node")
    ] = False


class SplitNames(Section):
    """Names of the data's splits."""

    train: Annotated[Text, key("split to train on")] = "train"
    dev: Annotated[Text | None, key("split to draw dev from; null: dev is drawn from train", example="validation")] = (
        None
    )
    test: Annotated[Text, key("split to test on")] = "test"


LabelWords = Annotated[tuple[Text, ...], Field(min_length=2), EachOnce]


class WordingSpec(Section):
    """Other words in which the model is asked: a template, label words, or both."""

    template: Annotated[
        Text | None, key("in place of the task's template", example='"{text} All in all it was {mask}."')
    ] = None
    label_words: Annotated[
        LabelWords | None, key("in place of the task's label words, in label order", example="[bad, good]")
    ] = None

    @model_validator(mode="after")
    def _says_something(self) -> WordingSpec:
        if self.template is None and self.label_words is None:
            raise broken_rule("must give a template, label words, or both", remedy="add one of them")
        return self


class TaskSpec(Section):
    """The texts and labels, and the words in which the model is asked about them."""

    name: Annotated[
        Text,
        key(
            "reviews (embedded), a well-known task, or any name for your own data; beside file or hub, a well-known "
            "name provides template and label words",
            example="reviews",
        ),
    ] = "custom"
    file: Annotated[
        Text | None,
        key("CSV, TSV, JSON (lines or array) or Parquet file, relative to the study file", example="reviews.csv"),
    ] = None
    hub: Annotated[Text | None, key("data set id on the Hugging Face hub", example="stanfordnlp/sst2")] = None
    config: Annotated[Text | None, key("configuration of the hub data set", example="mrpc")] = None
    revision: Annotated[Text | None, key("revision of the hub data set", example="main")] = None
    text: Annotated[Text | None, key("text column; null: text", example="text")] = None
    second_text: Annotated[Text | None, key("second text column, in tasks on pairs", example="question")] = None
    label: Annotated[Text | None, key("label column; null: label", example="label")] = None
    split: Annotated[Text, key("column of a file that names each row's split")] = "split"
    splits: Annotated[SplitNames | None, key("which splits to use", example="{train: train, test: validation}")] = None
    template: Annotated[
        Text | None,
        key("the words around {text}, {second_text} and {mask}", example='"{text} It was {mask}."'),
    ] = None
    label_words: Annotated[
        LabelWords | None,
        key("one word per class, in label order; for the encoder head short texts", example="[terrible, great]"),
    ] = None
    wordings: Annotated[
        dict[str, WordingSpec],
        key(
            "other wordings by short names, for task.wording; what one leaves out is as in template and label_words",
            example='{plain: {template: "{text} It was {mask}."}}',
        ),
    ] = Field(default_factory=dict)
    wording: Annotated[
        Text,
        key(
            f"the one of wordings to use; {OWN_WORDING}: template and label_words. It may be searched, as task.wording"
        ),
    ] = OWN_WORDING
    minority: Annotated[
        Text | Annotated[tuple[Text, ...], Field(min_length=1), EachOnce] | None,
        key(
            "name of the class that is made rare, or a list of names where there are more than two classes; "
            "null: the rarer half of the classes",
            example="positive",
            rule="must be a class name or a list of them, as text",
        ),
    ] = None
    truncate: Annotated[StrictBool, key("cut texts that are too long for the model instead of refusing them")] = False

    @property
    def wording_names(self) -> tuple[str, ...]:
        """The names of all wordings, the task's own first."""
        return (OWN_WORDING, *self.wordings)

    def worded(self, name: str) -> TaskSpec:
        """Returns the task in one of its wordings: template and label words are that wording's."""
        if name == OWN_WORDING:
            return self
        found = self.wordings[name]
        return self.model_copy(
            update={
                "template": found.template or self.template,
                "label_words": found.label_words or self.label_words,
            }
        )


class ImbalanceSpec(Section):
    """How the classes are made uneven, and how the methods handle it."""

    ratios: Annotated[
        tuple[AskedRatio, ...],
        Field(min_length=1),
        key(
            "imbalance ratios, majority / minority; natural: the classes in the proportions of the data; each gives "
            "one cell per method",
            example="[1, 10, 50]",
        ),
        EachOnce,
    ] = (1.0,)
    minority_size: Annotated[
        AskedSize,
        key(
            "training examples of a minority class; all: as many as the data has at each ratio, less those of dev",
            example="20",
            rule="must be all or a whole number of at least 1",
        ),
    ] = 20
    dev_minority_size: Annotated[
        Positive | None,
        key(
            "dev examples of a minority class; null: as many as for training, or where minority_size is all a quarter "
            "of the examples (of a dev split of its own: all of them)",
            example="20",
        ),
    ] = None
    profile: Annotated[Literal["step", "exponential"], key("class sizes where there are more than two classes")] = (
        "step"
    )
    sampler: Annotated[
        Literal["auto", SamplerName],
        key(
            "natural: batches are drawn from the training set as it is; stratified, which auto stands for: with every "
            "class in equal number"
        ),
    ] = "auto"
    prior: Annotated[
        Prior, key("positive fraction that the AUC objective uses: of the sampler's draws, or of each batch")
    ] = ImbalanceSettings.prior
    margin: Annotated[PositiveNumber, key("margin of the AUC objective")] = ImbalanceSettings.margin
    class_weights: Annotated[ClassWeights, key("weights of the examples in every objective but AUC")] = (
        ImbalanceSettings.class_weights
    )


class BudgetSpec(Section):
    """What a trial may spend."""

    queries: Annotated[Positive, key("queries of a trial; one query is one prompt evaluated on one batch")] = 300
    batch_size: Annotated[Positive, key("examples of a query")] = 32
    evaluations: Annotated[
        Positive, key("dev evaluations of a trial, evenly over the budget; they do not count as queries")
    ] = 5


class SearchSpec(Section):
    """How each cell is searched."""

    trials: Annotated[
        Whole, Field(ge=0), key("configurations that are tried in a cell; 0: the defaults are confirmed")
    ] = 0
    seeds: Annotated[
        Positive,
        key(
            "seeds on which each configuration is judged, by its mean dev AUC; start tokens, subspace and data of a "
            "seed are the same for all configurations"
        ),
    ] = 1
    p_threshold: Annotated[
        Number,
        Field(ge=0, le=1),
        key(
            "of Optuna's WilcoxonPruner: a configuration loses its other seeds where a signed-rank test against the "
            "best finds it worse at this level; at 0.1 after 4 seeds or more, at 0.2 after 3, at 0.3 after 2; 0: never",
            rule="must be a number from 0 to 1",
        ),
    ] = 0.1
    lag: Annotated[Positive, key("trial n is proposed from the results of the trials up to n - lag")] = 2
    sampler: Annotated[Literal["tpe", "random"], key("Optuna's sampler")] = "tpe"
    startup_trials: Annotated[
        Positive, key("trials of a cell before TPE takes over, and complete ones before median stops any")
    ] = 4
    pruning: Annotated[
        Literal["none", "asha", "median"],
        key(
            "stop search trials with low dev AUC, judged by the results up to n - lag; median: below the median of the "
            "complete trials; asha: outside the best third after evaluations 1, 3, 9, ..."
        ),
    ] = "none"
    space: Annotated[
        dict[str, Distribution],
        key(
            "option: choice or range. An option applies to each method that has it and does not fix it; label.option "
            "to one entry of methods, imbalance.setting to the sampling of batches and the objective, task.wording to "
            "the words in which the model is asked; left out: the default space of each method, which zostudy methods "
            "shows",
            example="{reach: {low: 0.3, high: 10.0, log: true}}",
            rule="must give each option as {choice: [...]} or {low: ..., high: ...}",
        ),
    ] = Field(default_factory=dict)


class ConfirmSpec(Section):
    """How each cell's best configuration is run again, on fresh seeds. Only this stage opens test."""

    seeds: Annotated[Positive, key("confirm trials of a cell")] = 3
    landscape: Annotated[
        StrictBool,
        key("evaluate the training loss around the final point of a confirm trial, and its sharpness, off the budget"),
    ] = True


class ResourcesSpec(Section):
    """What one replica takes of its node."""

    cpus: Annotated[Positive, key("CPUs, and so threads, of a replica")] = 1
    gpus: Annotated[Number, Field(ge=0), key("GPUs of a replica; a fraction lets replicas share one")] = 0.0
    accelerator_type: Annotated[
        Text | None, key("Ray's name of the accelerator that a node must have; null: any node", example="A100")
    ] = None
    memory: Annotated[
        Annotated[Number, Field(ge=1)] | None,
        key("GiB that a replica and the trials it serves take together; null: memory is ignored", example="8"),
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
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    label: str
    algorithm: Annotated[str, Field(alias="method")]
    options: dict[str, Any] = Field(default_factory=dict)


class StudySpec(Section):
    """A study: methods compared on one task and model, at each imbalance ratio."""

    name: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"),
        key(
            "names the study's results folder",
            example="my-study",
            rule="must be up to 100 of A-Z a-z 0-9 . _ - and begin with a letter or digit",
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
            "each entry is a method's name, {method: {option: value}}, or {label: {method: name, option: value}}",
            example="[bpt-fzg, zosa, spsa]",
        ),
    ]
    budget: Annotated[BudgetSpec, key("what a trial may spend", example="{queries: 300}")] = BudgetSpec()
    search: Annotated[SearchSpec, key("how each cell is searched", example="{trials: 6}")] = SearchSpec()
    confirm: Annotated[ConfirmSpec, key("how the best is run again", example="{seeds: 3}")] = ConfirmSpec()
    seed: Annotated[Seed, key("seed of the whole study; all noise is a function of it")] = 0
    replicas: Annotated[
        Literal["auto"] | Positive,
        key(
            "replicas of the model; auto: as many as fit, up to what the study can keep busy",
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
    return {method.label: algorithm | method.options} if algorithm or method.options else method.label
