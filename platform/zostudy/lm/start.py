"""The start of a prompt: random tokens of the vocabulary, one of several such draws, or the words of a text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.config.model import ModelSpec
from zostudy.errors import ModelError
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.inputs import InputReader
from zostudy.lm.sources import ModelSource
from zostudy.lm.tokenizer import tokenise
from zostudy.lm.vocabulary import find_vocabulary
from zostudy.randomness import derive_seed, generator


def start_tokens(
    seed: int, vocabulary: NDArray[Any], prompt_tokens: int, text: NDArray[np.int32] | None = None
) -> NDArray[Any]:
    """Returns the ids of the tokens ``[prompt_tokens]`` at whose embeddings a prompt starts.

    Args:
        seed: of the draw.
        vocabulary: ids that may be drawn, with replacement.
        prompt_tokens: n.
        text: int32 ``[n]``, the ids of a start text, which then stand for every draw.
    """
    return generator(seed, "start tokens").choice(vocabulary, size=prompt_tokens) if text is None else text


def draw_seed(seed: int, draw: int) -> int:
    """Returns the seed that names start tokens and subspace in one of a trial's draws; draw 0 has the trial's own."""
    return seed if draw == 0 else derive_seed(seed, "draw", draw)


def with_start_text(task: EncodedTask, spec: ModelSpec, source: ModelSource, tokenizer: Any) -> EncodedTask:
    """Returns the task with the start text's ids, repeated or cut to the prompt's length, where the study has one.

    A note says what was done. All that the text holds is text, even if it looks like a special token.

    Raises:
        ModelError: the text has no token that the model knows.
    """
    if spec.start != "text" or spec.start_text is None:
        return task

    def name(_: int) -> str:
        return "model.start_text"

    reading = InputReader(tokenizer, source.head).tokenizer_for(spec.start_text, name)
    [ids] = tokenise(reading, [spec.start_text], name, special=False)
    if not set(ids) - {tokenizer.unk_token_id}:
        got = f"{spec.start_text!r} has none"
        raise ModelError("model.start_text must hold a token of the model", got=got, remedy="choose other words")
    find_vocabulary(source, tokenizer).check([ids], name)
    start = np.resize(np.asarray(ids, dtype=np.int32), spec.prompt_tokens)
    return replace(task, start_text=start, notes=(*task.notes, *_fitted(len(ids), spec.prompt_tokens)))


def _fitted(n_tokens: int, prompt_tokens: int) -> tuple[str, ...]:
    if n_tokens == prompt_tokens:
        return ()
    how = "repeated to fill" if n_tokens < prompt_tokens else "cut to"
    return (f"model.start_text has {n_tokens} tokens, and is {how} the {prompt_tokens} of model.prompt_tokens",)
