"""A model's tokenizer: loaded, checked and called. What it raises at a text becomes one line that names the text."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from zostudy.digests import digest_of
from zostudy.errors import ModelError
from zostudy.lm.load_errors import ends_the_process, load_errors_explained
from zostudy.lm.sources import ModelSource

TextNamer = Callable[[int], str]
"""Names one of several texts in an error, by its index: ``row 7``."""

_PROBES = (
    "The quick brown fox jumps over the lazy dog, doesn't it? It WAS great; 12,345.67% of ITS 3 cubs agreed!",
    "Élan vital, naïve façade, größer, Åse, señor; “quoted” – dashed… x_1 = f(a[0])\tand <b>tags</b> / paths\\here",
    "今日は良い天気です。 Привет, мир! γειά σου שלום مرحبا नमस्ते 한국어 🙂👍🏽   three  spaces\nand a line",
)


def load_tokenizer(source: ModelSource) -> Any:
    """Returns the model's own tokenizer.

    Raises:
        ModelError: it cannot be loaded, draws at random, has no vocabulary, or no mask token for a masked head.
    """
    from transformers import AutoTokenizer

    with load_errors_explained(source):
        tokenizer = AutoTokenizer.from_pretrained(source.location, **source.loading)
    _check_vocabulary(source, tokenizer)
    if source.head == "masked" and tokenizer.mask_token_id in (None, tokenizer.unk_token_id):
        got = f"the tokenizer of {source.location} has none"
        raise ModelError("a masked head needs a mask token", got=got, remedy="set model.head")
    _check_repeats(source, tokenizer)
    # A template's mask token is a token, even if the tokenizer's own configuration splits special tokens in texts.
    tokenizer.split_special_tokens = False
    # encode_task checks lengths; the tokenizer's own warning would come first, and with the wrong remedy.
    tokenizer.deprecation_warnings["sequence-length-is-longer-than-the-specified-maximum"] = True
    return tokenizer


def tokens_digest(tokenizer: Any) -> str:
    """Returns the SHA-256 of a tokenizer's vocabulary and of the token ids that it gives to some texts."""
    ids = [tokenizer(probe, add_special_tokens=special)["input_ids"] for probe in _PROBES for special in (False, True)]
    return digest_of([json.dumps([sorted(tokenizer.get_vocab().items()), ids]).encode()])


def _check_vocabulary(source: ModelSource, tokenizer: Any) -> None:
    """Refuses the tokenizer that transformers makes up where a model's folder lacks the files of one."""
    if tokenizer.get_vocab().keys() <= set(tokenizer.all_special_tokens):
        got = f"that of {source.location} has only its special tokens"
        remedy = "put the model's own tokenizer.json beside its config.json"
        raise ModelError("a tokenizer must have a vocabulary", got=got, remedy=remedy)


def _check_repeats(source: ModelSource, tokenizer: Any) -> None:
    """Refuses a tokenizer that gives a text other tokens each time."""
    model = tokenizer.backend_tokenizer.model if tokenizer.is_fast else None
    for key in ("dropout", "alpha"):
        value = getattr(model, key, None)
        if value:
            raise ModelError(
                "a tokenizer must give a text the same tokens each time",
                got=f"{key} is {value:g} in the tokenizer.json of {source.location}, which draws them at random",
                remedy="set it to null",
            )


def tokenise(tokenizer: Any, texts: Sequence[str], name: TextNamer, special: bool = True) -> list[list[int]]:
    """Returns the token ids of each text, with the tokenizer's special tokens around it if ``special``.

    Raises:
        ModelError: the tokenizer raises at a text, or has no id for a part of it.
    """
    if not texts:
        return []
    ids: list[list[int]] = _call(tokenizer, texts, name, add_special_tokens=special)["input_ids"]
    for index, of_text in enumerate(ids):
        if None in of_text:
            raise ModelError(
                "a tokenizer must have an id for every part of a text",
                got=f"this one has none for a part of {name(index)}",
                remedy="change that text, or give the tokenizer an unk_token",
            )
    return ids


def token_starts(tokenizer: Any, text: str, name: TextNamer) -> list[int]:
    """Returns where each token of a text starts, in characters; special tokens are left out.

    Raises:
        ModelError: the tokenizer raises at the text.
    """
    batch = _call(tokenizer, [text], name, add_special_tokens=False, return_offsets_mapping=True)
    return [start for start, _ in batch["offset_mapping"][0]]


def _call(tokenizer: Any, texts: Sequence[str], name: TextNamer, **options: bool) -> Any:
    batch, error = _attempt(tokenizer, texts, options)
    if error is None:
        return batch
    alone = (_attempt(tokenizer, [text], options)[1] for text in texts)
    culprit = next((index for index, raised in enumerate(alone) if raised is not None), 0)
    reason = textwrap.shorten(f"{type(error).__name__}: {error}", 160, placeholder=" ...").rstrip(".: ")
    raise ModelError(
        "a tokenizer must read every text",
        got=f"this one stops at {name(culprit)} ({reason})",
        remedy="change that text, or mend the tokenizer",
    ) from error


def _attempt(tokenizer: Any, texts: Sequence[str], options: dict[str, bool]) -> tuple[Any, BaseException | None]:
    """Returns the tokenizer's result and None, or None and the error that it raises."""
    try:
        return tokenizer(list(texts), **options), None
    except BaseException as error:
        if ends_the_process(error):
            raise
        return None, error
