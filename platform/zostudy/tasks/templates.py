"""Templates: the words around a text, and the ``{mask}`` that the model fills with a label word.

A template is a line such as ``{text} It was {mask}.``; a literal brace is written twice. The label word replaces
``{mask}``, so a ``{mask}`` after a space asks for the word with its leading space.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter

from zostudy.config.known import HeadKind
from zostudy.errors import DataError

HEADS: tuple[HeadKind, ...] = ("masked", "causal", "encoder")
FIELDS = ("text", "second_text", "mask")


@dataclass(frozen=True)
class Template:
    """A parsed template.

    Attributes:
        source: the line as it was given.
        parts: ``(literal, field)`` in reading order; the field is one of ``FIELDS``, or None at the end.
    """

    source: str
    parts: tuple[tuple[str, str | None], ...]

    @classmethod
    def parse(cls, source: str) -> Template:
        """Returns the parsed template; raises a ``DataError`` for a stray brace, an unknown field, or no ``{text}``."""
        try:
            parsed = list(Formatter().parse(source))
        except ValueError as error:
            raise _refused(source, str(error), remedy="write a literal brace twice, {{ or }}") from None
        for _, field, form, conversion in parsed:
            if field is not None and (field not in FIELDS or form or conversion):
                rule = f"there is no field {field!r}" if field not in FIELDS else f"{{{field}}} takes no format"
                raise _refused(source, rule, remedy="use {text}, {second_text} and {mask}")
        template = cls(source, tuple((literal, field) for literal, field, _, _ in parsed))
        if template.count("text") != 1 or template.count("second_text") > 1:
            rule = "{text} must occur once and {second_text} at most once"
            raise _refused(source, rule, remedy="put {text} where the text goes")
        return template

    def count(self, field: str) -> int:
        """Returns how often a field occurs."""
        return sum(name == field for _, name in self.parts)

    def check(self, head: HeadKind) -> None:
        """Checks that the template suits a model with this head.

        Raises:
            DataError: for a masked head without exactly one ``{mask}``, a causal head whose template does not
                end at its only ``{mask}``, or an encoder head with a ``{mask}``.
        """
        masks = self.count("mask")
        if head == "encoder" and masks:
            rule = "an encoder compares whole texts and fills in no {mask}"
            raise _refused(self.source, rule, remedy="leave {mask} out")
        if head != "encoder" and masks != 1:
            rule, remedy = f"a {head} model fills in one {{mask}}", "write {mask} once, where the label word goes"
            raise _refused(self.source, rule, f"there are {masks}", remedy)
        if head == "causal" and self.parts[-1][1] != "mask":
            rule = "a causal model cannot read words after {mask}"
            raise _refused(self.source, rule, remedy="let the template end at {mask}")

    def render(self, text: str, second_text: str | None = None) -> tuple[str, str]:
        """Returns the words before and after ``{mask}``; without a ``{mask}`` there are none after it.

        An input that is too long is cut by rendering a shorter text, so the template's own words always stay.
        """
        values = {"text": text, "second_text": second_text or ""}
        sides = ["", ""]
        side = 0
        for literal, field in self.parts:
            sides[side] += literal + values.get(field or "", "")
            side += field == "mask"
        return sides[0], sides[1]


@dataclass(frozen=True)
class Wording:
    """The template and label words of a task, for one kind of head.

    Attributes:
        template: the words around the text.
        label_words: one per class, in label order, without a leading space. For the encoder head these are short
            texts, which each text is compared with.
    """

    template: Template
    label_words: tuple[str, ...]


def _refused(source: str, rule: str, got: str = "", remedy: str = "") -> DataError:
    return DataError(rule, got=got, remedy=remedy, about=f"template {source!r}")
