"""Preparing a study: plan, texts, draws, tokens and model are read and checked before the first query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np

from zostudy.config.model import ModelSpec
from zostudy.config.study import StudySpec
from zostudy.config.task import OWN_WORDING
from zostudy.config.wordings import used_wordings
from zostudy.errors import ModelError
from zostudy.lm.agreement import VerifiedModel, read_verified
from zostudy.lm.encoding import EncodedTask, encode_task
from zostudy.lm.finding import find_model
from zostudy.lm.limits import check_max_length, max_input_tokens
from zostudy.lm.model_digests import model_digests
from zostudy.lm.sources import ModelSource
from zostudy.lm.start import with_start_text
from zostudy.lm.tokenizer import load_tokenizer
from zostudy.lm.weights import DType
from zostudy.ratios import ratio_label
from zostudy.results.classes import StudyClass, StudyClasses, class_table
from zostudy.results.table_formats import plain
from zostudy.search.cautions import cautions
from zostudy.search.outline import Outline, outline
from zostudy.search.plan import Plan
from zostudy.search.setup import StudyData
from zostudy.tasks.imbalance import unused_rows
from zostudy.tasks.loading import Task


@dataclass(frozen=True)
class PreparedStudy:
    """A checked study, ready to run.

    Attributes:
        plan: its trials.
        task: texts and labels.
        source: where the model is.
        encodings: the token ids in each wording that trials may use, by name, the study's own wording first.
        data: labels and draws, which trials share.
        classes: of each class its name, its label word, whether it is rare, and its number of rows.
        verified: the model in the study's dtype, or float32. Its scores agree with those of transformers.
    """

    plan: Plan
    task: Task
    source: ModelSource
    encodings: Mapping[str, EncodedTask]
    data: StudyData
    classes: StudyClasses
    verified: VerifiedModel

    def verify(self, dtype: DType) -> VerifiedModel:
        """Returns the model in a dtype; see ``read_verified``."""
        return read_verified(self.plan.spec.model, self.source, self.encodings, dtype)

    @property
    def encoded(self) -> EncodedTask:
        """The token ids in the study's own wording."""
        return self.encodings[self.plan.spec.task.wording]

    @property
    def opening_lines(self) -> list[str]:
        """The first lines of a run: the rows, classes and other wordings, rare rows left unused, and cautions."""
        classes = plain(class_table(self.classes)).split("\n")
        lines = [str(self.task.rows), *self.task.notes, *classes, *self.wording_lines]
        return [*lines, *self.unused, *cautions(self.plan, self.data)]

    @property
    def wording_lines(self) -> list[str]:
        """A line for each wording, where there are several."""
        if not self.plan.spec.task.wordings:
            return []
        asked = {name: self.task.wording(self.source.head, name) for name in self.encodings}
        return [
            f"wording {name}: {each.template.source!r}, {', '.join(each.label_words)}" for name, each in asked.items()
        ]

    @property
    def unused(self) -> list[str]:
        """A line on the rows of rare classes that ``imbalance.minority_size`` leaves unused, if there are any."""
        largest = max(self.data.draws.values(), key=lambda draw: draw.n_minority)
        names = self.task.table.class_names
        line = unused_rows(largest, [(label, names[label]) for label in self.task.minority])
        return [line] if line else []


def prepare(spec: StudySpec, task: Task | None = None) -> PreparedStudy:
    """Returns the prepared study.

    Args:
        spec: the study.
        task: stands in place of the task that the study names.

    Raises:
        ZostudyError: the data, imbalance, model, label words or budget cannot be used.
    """
    return with_model(outline(spec, task))


def with_model(outlined: Outline) -> PreparedStudy:
    """Returns the prepared study of an outline: its model is found, read and verified, and its texts are encoded.

    Raises:
        ModelError: the model, or label words, cannot be used.
    """
    plan, task, data = outlined.plan, outlined.task, outlined.data
    spec = plan.spec
    source = _find_model(spec)
    data = replace(data, versions={**data.versions, **model_digests(source)})
    encodings = _encodings(spec, source, task, data)
    # A model that does not load or scores wrongly is refused before anything is written.
    dtype: DType = "bfloat16" if spec.model.dtype == "bfloat16" else "float32"
    verified = read_verified(spec.model, source, encodings, dtype)
    data = replace(data, prompt_entries=spec.model.prompt_tokens * verified.width)
    return PreparedStudy(plan, task, source, encodings, data, _classes(plan, source, task, data), verified)


def _find_model(spec: StudySpec) -> ModelSource:
    """Returns where the study's model is, to be spread if a replica has several GPUs.

    Raises:
        ModelError: it cannot be used, or ``model.temperature`` is set where its head has none.
    """
    spread = spec.resources.gpus > 1
    if spread and find_spec("accelerate") is None:
        raise ModelError(
            "a model is spread over the GPUs of a replica by accelerate",
            got="it is not installed",
            remedy="run: pip install accelerate, or set resources.gpus to 1",
        )
    source = find_model(spec.model)
    if source.head != "encoder" and spec.model.temperature != ModelSpec.model_fields["temperature"].default:
        raise ModelError(
            f"has no effect on the {source.head} head of {spec.model.name}",
            got=f"got {spec.model.temperature:g}",
            remedy="leave it out, or set model.head: encoder",
            about="model.temperature",
        )
    return replace(source, spread=spread)


def _classes(plan: Plan, source: ModelSource, task: Task, data: StudyData) -> StudyClasses:
    draws = [data.draws[ratio, plan.seed(plan.replicates[-1])] for ratio in plan.ratios]
    test = np.bincount(data.labels[draws[0].test_rows], minlength=data.n_classes).tolist()
    wording = task.wording(source.head, plan.spec.task.wording)
    classes = (
        StudyClass(
            name,
            wording.label_words[label],
            label in task.minority,
            tuple(draw.train_counts[label] for draw in draws),
            tuple(draw.dev_counts[label] for draw in draws),
            test[label],
        )
        for label, name in enumerate(task.table.class_names)
    )
    kind = "label text" if source.head == "encoder" else "label word"
    labels = (ratio_label(asked, ratio) for ratio, asked in plan.ratios.items())
    return StudyClasses(kind, tuple(plan.ratios), tuple(classes), tuple(labels), wording.template.source)


def _encodings(spec: StudySpec, source: ModelSource, task: Task, data: StudyData) -> dict[str, EncodedTask]:
    """Returns the task in each wording that a trial may use; each is tokenised here, once."""
    tokenizer = load_tokenizer(source)
    check_max_length(spec.model, source, tokenizer)
    longest = max_input_tokens(spec.model, source, tokenizer)
    encodings = {}
    for name in used_wordings(spec):
        wording = task.wording(source.head, name)
        with _wording_in_errors(name):
            encoded = encode_task(
                tokenizer,
                source,
                task.table.texts,
                task.table.second_texts,
                data.used_rows,
                wording.template.render,
                wording.label_words,
                longest,
                task.truncate,
            )
        encodings[name] = with_start_text(encoded, spec.model, source, tokenizer)
    return encodings


@contextmanager
def _wording_in_errors(wording: str) -> Iterator[None]:
    """Adds the name of a wording out of ``task.wordings`` to an error about it."""
    try:
        yield
    except ModelError as error:
        if wording == OWN_WORDING:
            raise
        about = f"task.wordings.{wording}"
        raise type(error)(error.rule, got=error.got, remedy=error.remedy, about=about) from error
