"""The ``task`` section of a study file: the texts and labels, and the wordings in which the model is asked."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool, model_validator

from zostudy.config.field_types import EachOnce, Positive, Section, Text, broken_rule, key

OWN_WORDING = "default"
"""The name of a task's own template and label words among its wordings."""

LabelWords = Annotated[tuple[Text, ...], Field(min_length=2), EachOnce]


class SplitNames(Section):
    """Names of the data's splits."""

    train: Annotated[Text, key("split to train on", example="training")] = "train"
    dev: Annotated[Text | None, key("split to draw dev from; null: dev is drawn from train", example="validation")] = (
        None
    )
    test: Annotated[Text, key("split to test on", example="validation")] = "test"


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
            example="sst2",
        ),
    ] = "custom"
    file: Annotated[
        Text | None,
        key("CSV, TSV, JSON (lines or array) or Parquet file, relative to the study file", example="tickets.csv"),
    ] = None
    hub: Annotated[Text | None, key("data set id on the Hugging Face hub", example="stanfordnlp/sst2")] = None
    config: Annotated[Text | None, key("configuration of the hub data set", example="plain_text")] = None
    revision: Annotated[Text | None, key("revision of the hub data set", example="main")] = None
    text: Annotated[Text | None, key("text column; null: text", example="body")] = None
    second_text: Annotated[Text | None, key("second text column, in tasks on pairs", example="hypothesis")] = None
    label: Annotated[Text | None, key("label column; null: label", example="mood")] = None
    split: Annotated[Text, key("column of a file that names each row's split", example="part")] = "split"
    splits: Annotated[SplitNames | None, key("which splits to use", example="{train: train, test: validation}")] = None
    test_rows: Annotated[
        Positive | None,
        key(
            "most test rows to use, in the classes' proportions and the same for every seed; null: all",
            example="2000",
        ),
    ] = None
    template: Annotated[
        Text | None,
        key("the words around {text}, {second_text} and {mask}", example="'{text} It was {mask}.'"),
    ] = None
    label_words: Annotated[
        LabelWords | None,
        key("one word per class, in label order; for the encoder head short texts", example="[bad, good]"),
    ] = None
    wordings: Annotated[
        dict[str, WordingSpec],
        key(
            "other wordings by short names, for task.wording; one without template or label_words takes the task's",
            example="{short: {template: '{text} {mask}', label_words: [bad, good]}}",
        ),
    ] = Field(default_factory=dict)
    wording: Annotated[
        Text,
        key(
            f"name of the wording to use; {OWN_WORDING}: the task's template and label_words; a search may vary "
            f"it, as task.wording",
            example="short",
        ),
    ] = OWN_WORDING
    minority: Annotated[
        Text | Annotated[tuple[Text, ...], Field(min_length=1), EachOnce] | None,
        key(
            "name of the class that is made rare, or a list of names where there are more than two classes; "
            "null: the rarer half of the classes",
            example="bad",
            rule="must be a class name or a list of them, as text",
        ),
    ] = None
    truncate: Annotated[
        StrictBool, key("cut texts that are too long for the model instead of refusing them", example="true")
    ] = False

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
