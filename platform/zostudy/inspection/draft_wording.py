"""Drafts a template, and a label word for each class that is one token of the model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zostudy.config.known import HeadKind
from zostudy.lm.encoding import ANY_TEXT
from zostudy.lm.nearest_words import embedding_table, is_one_token, nearest_words
from zostudy.lm.sources import ModelSource
from zostudy.tasks.loading import Task
from zostudy.tasks.templates import Template, Wording
from zostudy.tasks.wellknown import WELL_KNOWN

NEAREST = 5

# For one text LM-BFF's template (Gao et al., ACL 2021), which suits any topic. The second one is for pairs.
_TEMPLATES: dict[HeadKind, tuple[str, str]] = {
    "masked": ("{text} It was {mask}.", "{text} {second_text} It was {mask}."),
    "causal": ("{text} It was {mask}", "{text} {second_text} It was {mask}"),
    "encoder": ("{text}", "{text} {second_text}"),
}


@dataclass(frozen=True)
class DraftWording:
    """A template and a label word for each class.

    Attributes:
        wording: ready for a study; its label words differ.
        nearest: for each class the words nearest to its name that are one token, the nearest first; for an encoder the
            label text, which is the name in plain words.
    """

    wording: Wording
    nearest: tuple[tuple[str, ...], ...]


def find_wording(task: Task, source: ModelSource, tokenizer: Any, template: str | None = None) -> DraftWording:
    """Returns a template and label words for a task and a model.

    The words of a well-known task are used if each is one token of the model, else the words nearest to the class
    names. A given ``template`` replaces the drafted one.

    Raises:
        DataError: the template does not suit the model.
        ModelError: the model's weights or tokenizer cannot be read.
    """
    pairs = task.table.second_texts is not None
    known = WELL_KNOWN[task.name].wordings.get(source.head) if task.name in WELL_KNOWN else None
    ready = known.template if known else Template.parse(_TEMPLATES[source.head][pairs])
    chosen = ready if template is None else Template.parse(template)
    chosen.check(source.head)
    names = [plain_name(name) for name in task.table.class_names]
    if source.head == "encoder":
        words = known.label_words if known else tuple(names)
        return DraftWording(Wording(chosen, words), tuple((word,) for word in words))
    before = chosen.render(ANY_TEXT, ANY_TEXT if pairs else None)[0]
    # With C words for each of C classes, every class finds a word that no other class has.
    nearest = nearest_words(tokenizer, embedding_table(source), before, names, max(NEAREST, len(names)))
    fits = known and all(is_one_token(tokenizer, before, word) for word in known.label_words)
    words = known.label_words if known and fits else distinct_words(names, nearest)
    return DraftWording(Wording(chosen, words), tuple(words[:NEAREST] for words in nearest))


def plain_name(name: str) -> str:
    """Returns a class's name in plain words: ``not_entailment`` is ``not entailment``."""
    return " ".join(re.sub(r"[_\-/.]+", " ", name).split()) or name


def distinct_words(names: Sequence[str], nearest: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Returns a different word for each class: its name if that is among its words, else its nearest free word.

    Words that differ only in capitals count as one. A class without a free word gets the first free word of the other
    classes, or an empty text.
    """
    own = {name.casefold(): label for label, name in reversed([*enumerate(names)]) if name in nearest[label]}
    chosen = {label: names[label] for label in own.values()}
    for label, words in enumerate(nearest):
        if label not in chosen:
            taken = {word.casefold() for word in chosen.values()}
            rest = [*words, *(word for others in nearest for word in others)]
            chosen[label] = next((word for word in rest if word.casefold() not in taken), "")
    return tuple(chosen[label] for label in range(len(names)))
