"""Templates: the words around a text, and the place where the model fills in a label word.

A template is a line such as ``{text} It was {mask}.``; a literal brace is written twice. The label word is
put where ``{mask}`` stands, so a ``{mask}`` after a space asks for the word with its leading space.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter

from zostudy.config.study import HeadKind
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
        """Returns the parsed template.

        Args:
            source: the line, for example ``{text} It was {mask}.``

        Raises:
            DataError: for a stray brace, an unknown field, or no ``{text}``.
        """
        try:
            parsed = list(Formatter().parse(source))
        except ValueError as error:
            raise _refused(source, str(error), "write a literal brace twice, {{ or }}") from None
        for _, field, form, conversion in parsed:
            if field is not None and (field not in FIELDS or form or conversion):
                raise _refused(source, f"there is no field {field!r}", "use {text}, {second_text} and {mask}")
        template = cls(source, tuple((literal, field) for literal, field, _, _ in parsed))
        if template.count("text") != 1 or template.count("second_text") > 1:
            rule = "{text} must occur once and {second_text} at most once"
            raise _refused(source, rule, "put {text} where the text goes")
        return template

    def count(self, field: str) -> int:
        """Returns how often a field occurs."""
        return sum(name == field for _, name in self.parts)

    def check(self, head: HeadKind) -> None:
        """Checks that a model with this head can be asked in these words.

        Raises:
            DataError: for a masked head without exactly one ``{mask}``, a causal head whose template does not
                end at its only ``{mask}``, or an encoder head with a ``{mask}``.
        """
        masks = self.count("mask")
        if head == "encoder" and masks:
            rule = "an encoder compares whole texts and fills in no {mask}"
            raise _refused(self.source, rule, "leave {mask} out")
        if head != "encoder" and masks != 1:
            rule = f"a {head} model fills in one {{mask}}, but there are {masks}"
            raise _refused(self.source, rule, "write {mask} once, where the label word goes")
        if head == "causal" and self.parts[-1][1] != "mask":
            rule = "a causal model cannot read what stands after {mask}"
            raise _refused(self.source, rule, "let the template end at {mask}")

    def render(self, text: str, second_text: str | None = None) -> tuple[str, str]:
        """Returns what stands before and after ``{mask}``; without a ``{mask}`` all of it stands before.

        An input that is too long is cut by rendering a shorter text: the template's own words always stay.

        Args:
            text: the text.
            second_text: the second text of pair tasks.
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
    """How models with one kind of head are asked about a task.

    Attributes:
        template: the words around the text.
        label_words: one a class, in label order, written without a leading space; for the encoder head these
            are short texts, one of which each text is matched with.
    """

    template: Template
    label_words: tuple[str, ...]


def _refused(source: str, rule: str, remedy: str) -> DataError:
    return DataError(f"template {source!r}: {rule}; {remedy}")
