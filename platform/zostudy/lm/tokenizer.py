"""A model's tokenizer: loaded, checked and called; whatever it raises at a text becomes one line that names it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from zostudy.errors import ModelError
from zostudy.lm.reading import reading
from zostudy.lm.sources import ModelSource, load_config

Name = Callable[[int], str]
"""Names a text of several in an error, by its index: ``row 7``."""


def load_tokenizer(source: ModelSource) -> Any:
    """Returns the model's own tokenizer.

    Raises:
        ModelError: the model reads no text, its tokenizer cannot be loaded or draws at random, or a masked model's
            tokenizer has no mask token.
    """
    from transformers import AutoTokenizer

    _check_reads_text(source)
    with reading(source):
        tokenizer = AutoTokenizer.from_pretrained(source.location, **source.loading)
    if source.head == "masked" and tokenizer.mask_token_id in (None, tokenizer.unk_token_id):
        raise ModelError(
            f"a masked head needs a mask token, but the tokenizer of {source.location} has none; set model.head"
        )
    _check_repeats(source, tokenizer)
    # A template's mask token is a token, whatever the tokenizer's own configuration says of special tokens in texts.
    tokenizer.split_special_tokens = False
    # Lengths are checked in encode_task; the tokenizer's own warning would come first, and with the wrong remedy.
    tokenizer.deprecation_warnings["sequence-length-is-longer-than-the-specified-maximum"] = True
    return tokenizer


def _check_reads_text(source: ModelSource) -> None:
    config = load_config(source)
    other = next((part for part in ("vision_config", "audio_config") if getattr(config, part, None) is not None), None)
    fault = ""
    if not isinstance(getattr(config.get_text_config(), "vocab_size", None), int):
        fault = "has no vocabulary"
    elif source.head == "encoder" and config.is_encoder_decoder:
        fault = "is an encoder and a decoder"
    elif source.head == "encoder" and other:
        fault = f"has a {other}"
    if fault:
        raise ModelError(
            f"a model must read a text's tokens and nothing else, but {source.location} ({config.model_type}) {fault}; "
            f"name a text model in {source.named_by}"
        )


def _check_repeats(source: ModelSource, tokenizer: Any) -> None:
    """Refuses a tokenizer that gives a text other tokens each time."""
    model = tokenizer.backend_tokenizer.model if tokenizer.is_fast else None
    for key in ("dropout", "alpha"):
        value = getattr(model, key, None)
        if value:
            raise ModelError(
                f"a tokenizer must give a text the same tokens each time, but {key} is {value:g} in the tokenizer.json "
                f"of {source.location}, which draws them at random; set it to null"
            )


def tokenise(tokenizer: Any, texts: Sequence[str], name: Name, special: bool = True) -> list[list[int]]:
    """Returns the token ids of each text.

    Args:
        tokenizer: the model's.
        texts: any number.
        name: names them.
        special: put the tokenizer's special tokens around each text.

    Raises:
        ModelError: the tokenizer raises at a text, or has no id for a part of it.
    """
    if not texts:
        return []
    ids: list[list[int]] = _call(tokenizer, texts, name, add_special_tokens=special)["input_ids"]
    for index, of_text in enumerate(ids):
        if None in of_text:
            raise ModelError(
                f"a tokenizer must have an id for every part of a text, but this one has none for a part of "
                f"{name(index)}; change that text, or give the tokenizer an unk_token"
            )
    return ids


def token_starts(tokenizer: Any, text: str, name: Name) -> list[int]:
    """Returns where each token of a text starts, in characters; special tokens are left out.

    Raises:
        ModelError: the tokenizer raises at the text.
    """
    batch = _call(tokenizer, [text], name, add_special_tokens=False, return_offsets_mapping=True)
    return [start for start, _ in batch["offset_mapping"][0]]


def _call(tokenizer: Any, texts: Sequence[str], name: Name, **options: bool) -> Any:
    batch, error = _attempt(tokenizer, texts, options)
    if error is None:
        return batch
    alone = (_attempt(tokenizer, [text], options)[1] for text in texts)
    culprit = next((index for index, raised in enumerate(alone) if raised is not None), 0)
    words = textwrap.shorten(" ".join(f"{type(error).__name__}: {error}".split()), 160, placeholder=" ...")
    raise ModelError(
        f"a tokenizer must read every text, but this one stops at {name(culprit)} ({words.rstrip('.: ')}); "
        "change that text, or mend the tokenizer"
    ) from error


def _attempt(tokenizer: Any, texts: Sequence[str], options: dict[str, bool]) -> tuple[Any, BaseException | None]:
    """Returns what the tokenizer gives, and what it raises."""
    try:
        return tokenizer(list(texts), **options), None
    except Exception as error:
        return None, error
    except BaseException as error:  # tokenizers panics with an exception that does not derive from Exception
        if type(error).__name__ != "PanicException":
            raise
        return None, error
