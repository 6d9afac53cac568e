"""Texts of which the tokenizer knows nothing: they can be scored, but the score says nothing of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zostudy.lm.inputs import Input, InputReader, Render
from zostudy.lm.tokenizer import Name, tokenise
from zostudy.lm.truncation import Texts


def unknown_texts(
    tokenizer: Any, reader: InputReader, render: Render, texts: Sequence[Texts], inputs: Sequence[Input], name: Name
) -> tuple[str, ...]:
    """Returns a note on texts that become unknown tokens alone, or none at all; nothing where there are no such texts.

    Args:
        tokenizer: the model's.
        reader: of the model.
        render: puts the texts in their template.
        texts: of each row.
        inputs: that they became.
        name: names a row.
    """
    unknown = tokenizer.unk_token_id
    [template] = reader.read([render(*[""] * len(texts[0]))], lambda _: "the template")
    suspects = [index for index, one in enumerate(inputs) if unknown in one.ids or one.ids == template.ids]
    n = len(texts[0])
    own = tokenise(
        tokenizer,
        [text for index in suspects for text in texts[index]],
        lambda place: name(suspects[place // n]),
        special=False,
    )
    lost = [index for place, index in enumerate(suspects) if set().union(*own[n * place : n * place + n]) <= {unknown}]
    if not lost:
        return ()
    return (
        f"{len(lost):,} of {len(texts):,} texts hold nothing that the tokenizer knows ({name(lost[0])} is the first), "
        "so their scores say nothing of them",
    )
