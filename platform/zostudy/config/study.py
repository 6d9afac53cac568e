"""What a study asks: the keys of a study file, their defaults and their rules."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, model_validator

from zostudy.config.distributions import Distribution
from zostudy.config.kinds import (
    EachOnce,
    Number,
    Positive,
    PositiveNumber,
    Ratio,
    Section,
    Seed,
    Text,
    Whole,
    broken_rule,
)

EMBEDDED_MODELS = ("mini-roberta", "mini-gpt2", "mini-llama")
BUILT_IN_MODELS = (*EMBEDDED_MODELS, "minilm")
HeadKind = Literal["masked", "causal", "encoder"]


class ModelSpec(Section):
    """Which frozen model, and how the prompt enters it.

    Attributes:
        name: an embedded model, ``minilm``, a hub id, or a folder, relative to the study file's.
        head: how a text is scored; ``auto`` goes by the architecture.
        prompt_tokens: the number of prompt vectors in front of each text.
        prompt_scale: spread of a prompt entry for a standard normal latent, in units of the embedding
            table's spread.
        dtype: of the matrix products. ``auto`` is decided when the study runs: bfloat16 where the processor has a unit
            for it and no cell's loss differences drown in its rounding, by measurement; else float32.
        max_length: longest input in tokens, prompt included; null means what the model takes.
        temperature: factor on the encoder head's cosines; other heads do not use it.
        revision: the hub revision (branch, tag or commit).
        trust_remote_code: run Python files that come with the model. They run as you, here and on every node.
    """

    name: Annotated[Text, Field(examples=["mini-roberta"])]
    head: Literal["auto", HeadKind] = "auto"
    prompt_tokens: Positive = 10
    prompt_scale: PositiveNumber = 1.0
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    max_length: Annotated[Positive | None, Field(examples=["128"])] = None
    temperature: PositiveNumber = 20.0
    revision: Annotated[Text | None, Field(examples=["main"])] = None
    trust_remote_code: StrictBool = False


class SplitNames(Section):
    """Names of the data's splits. Dev is drawn out of train, unless ``dev`` names a split to draw it from."""

    train: Text = "train"
    dev: Annotated[Text | None, Field(examples=["validation"])] = None
    test: Text = "test"


class TaskSpec(Section):
    """Which texts and labels, and how the model is asked about them.

    Attributes:
        name: ``reviews`` (embedded), a well-known task, or any name for your own data. Beside ``file`` or
            ``hub``, a well-known name lends those texts its template and label words.
        file: a CSV, JSON (lines or array) or Parquet file; relative paths start at the study file's folder.
        hub: a data set id on the Hugging Face hub; ``config`` and ``revision`` go with it.
        text: the text column.
        second_text: the second text column of pair tasks.
        label: the label column.
        split: the column that holds the split of each row, in a file.
        template: the text around ``{text}``, ``{second_text}`` and ``{mask}``.
        label_words: one word a class, in label order; for the encoder head a short text a class.
        minority: the class (by name) that is made rare; several of them for more than two classes.
        truncate: cut texts that are too long for the model instead of refusing them.
    """

    name: Annotated[Text, Field(examples=["reviews"])] = "custom"
    file: Annotated[Text | None, Field(examples=["reviews.csv"])] = None
    hub: Annotated[Text | None, Field(examples=["stanfordnlp/sst2"])] = None
    config: Annotated[Text | None, Field(examples=["mrpc"])] = None
    revision: Annotated[Text | None, Field(examples=["main"])] = None
    text: Annotated[Text | None, Field(examples=["text"])] = None
    second_text: Annotated[Text | None, Field(examples=["question"])] = None
    label: Annotated[Text | None, Field(examples=["label"])] = None
    split: Text = "split"
    splits: Annotated[SplitNames | None, Field(examples=["{train: train, test: validation}"])] = None
    template: Annotated[Text | None, Field(examples=['"{text} It was {mask}."'])] = None
    label_words: Annotated[
        Annotated[tuple[Text, ...], Field(min_length=2), EachOnce] | None,
        Field(examples=["[terrible, great]"]),
    ] = None
    minority: Annotated[
        Text | Annotated[tuple[Text, ...], Field(min_length=1), EachOnce] | None,
        Field(description="must be a class name or a list of them, as text", examples=["positive"]),
    ] = None
    truncate: StrictBool = False


class ImbalanceSpec(Section):
    """How the classes are made uneven, and what the methods know of it.

    Attributes:
        ratios: majority / minority, one cell a ratio and method.
        minority_size: training examples of a minority class.
        dev_minority_size: the same for dev; null means as many as in training.
        profile: for more than two classes, ``step`` or ``exponential``.
        sampler: how batches are drawn. ``natural``: from the training set as it is; ``stratified``: every class in
            equal number; ``auto``: natural, but stratified for the AUC objective, which needs every class in a batch.
        prior: the positive fraction the AUC objective uses: of the training draw, or of the batch.
        margin: the AUC margin.
        class_weights: weights of the examples in every objective but AUC.
    """

    ratios: Annotated[tuple[Ratio, ...], Field(min_length=1, examples=["[1, 10, 50]"]), EachOnce] = (1.0,)
    minority_size: Positive = 20
    dev_minority_size: Annotated[Positive | None, Field(examples=["20"])] = None
    profile: Literal["step", "exponential"] = "step"
    sampler: Literal["auto", "natural", "stratified"] = "auto"
    prior: Literal["global", "batch"] = "global"
    margin: PositiveNumber = 1.0
    class_weights: Literal["none", "balanced"] = "none"


class BudgetSpec(Section):
    """What a trial may spend.

    Attributes:
        queries: one query is one prompt evaluated on one batch.
        batch_size: examples of a query.
        evaluations: how often dev is evaluated, evenly over the budget, which they do not count in.
    """

    queries: Positive = 300
    batch_size: Positive = 32
    evaluations: Positive = 5


class SearchSpec(Section):
    """How each cell is searched.

    Attributes:
        trials: search trials of a cell; 0 confirms the defaults as they are.
        lag: trial n is proposed from the results of the trials up to n - lag.
        sampler: Optuna's TPE, or random.
        startup_trials: trials of a cell before TPE takes over, and complete ones before ``median`` stops any.
        pruning: stops search trials whose dev AUC falls behind, by the results up to n - lag: ``median`` below the
            median there of the complete trials, ``asha`` outside the best third after evaluations 1, 3, 9, ...
        space: option -> choice or range. An option goes to each method that has it and does not fix it;
            ``label.option`` to one entry of ``methods``, ``imbalance.setting`` to the draw of batches and the
            objective.
    """

    trials: Annotated[Whole, Field(ge=0)] = 0
    lag: Positive = 2
    sampler: Literal["tpe", "random"] = "tpe"
    startup_trials: Positive = 4
    pruning: Literal["none", "asha", "median"] = "none"
    space: Annotated[
        dict[str, Distribution],
        Field(
            description="must give each option as {choice: [...]} or {low: ..., high: ...}",
            examples=["{learning_rate: {low: 0.01, high: 1.0, log: true}}"],
        ),
    ] = Field(default_factory=dict)


class ConfirmSpec(Section):
    """How often each cell's best configuration is run again, on fresh seeds; only this stage opens test.

    Attributes:
        seeds: confirm trials of a cell.
        landscape: evaluate the training loss around the point that a confirm trial keeps, and its sharpness, beside
            the budget.
    """

    seeds: Positive = 3
    landscape: StrictBool = True


class ResourcesSpec(Section):
    """What one replica takes of the node it runs on.

    Attributes:
        cpus: also its number of threads.
        gpus: a fraction lets replicas share one.
        accelerator_type: only nodes with this accelerator, as Ray names it, get replicas; null means any.
        memory: GiB that a replica and the trials it serves take together; null leaves memory out of account.
    """

    cpus: Positive = 1
    gpus: Annotated[Number, Field(ge=0)] = 0.0
    accelerator_type: Annotated[Text | None, Field(examples=["A100"])] = None
    memory: Annotated[Annotated[Number, Field(ge=1)] | None, Field(examples=["8"])] = None

    @model_validator(mode="after")
    def _whole_gpus(self) -> ResourcesSpec:
        if self.gpus > 1 and not self.gpus.is_integer():
            raise broken_rule("gpus must be a whole number, or below 1", remedy=f"write gpus: {round(self.gpus)}")
        return self


class MethodSpec(Section):
    """One entry of ``methods``: a label, the registered method behind it, and the options that are fixed."""

    label: str
    method: str
    options: dict[str, Any] = Field(default_factory=dict)


class StudySpec(Section):
    """A whole study file."""

    name: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
            description="must be up to 100 of A-Z a-z 0-9 . _ - and begin with a letter or digit",
            examples=["my-study"],
        ),
    ]
    model: Annotated[ModelSpec, Field(examples=["{name: mini-roberta}"])]
    task: Annotated[TaskSpec, Field(examples=["{name: reviews}"])]
    imbalance: Annotated[ImbalanceSpec, Field(examples=["{ratios: [1, 10, 50]}"])] = ImbalanceSpec()
    methods: Annotated[tuple[MethodSpec, ...], Field(min_length=1, examples=["[bpt-fzg, zosa, spsa]"])]
    budget: Annotated[BudgetSpec, Field(examples=["{queries: 300}"])] = BudgetSpec()
    search: Annotated[SearchSpec, Field(examples=["{trials: 6}"])] = SearchSpec()
    confirm: Annotated[ConfirmSpec, Field(examples=["{seeds: 3}"])] = ConfirmSpec()
    seed: Seed = 0
    replicas: Annotated[
        Literal["auto"] | Positive, Field(description="must be auto or a whole number of at least 1")
    ] = "auto"
    resources: Annotated[ResourcesSpec, Field(examples=["{cpus: 1, gpus: 0}"])] = ResourcesSpec()

    def resolved(self) -> dict[str, Any]:
        """Returns the study with its defaults filled in, as plain data: as YAML and loaded, it is equal.

        Keys that are null are left out. The options of the methods are those that the study fixes.
        """
        plain = self.model_dump(mode="json", exclude_none=True)
        return plain | {"methods": [_entry(method) for method in self.methods]}


def _entry(method: MethodSpec) -> str | dict[str, Any]:
    alias = {} if method.method == method.label else {"method": method.method}
    return {method.label: alias | method.options} if alias or method.options else method.label
