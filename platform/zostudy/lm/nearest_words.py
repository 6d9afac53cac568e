"""The words nearest to a class's name that a model can answer with: each one token, by its own embedding table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zostudy.errors import ModelError
from zostudy.lm.checkpoint import read_tensors, weight_files
from zostudy.lm.label_words import label_token_ids
from zostudy.lm.load_errors import load_errors_explained
from zostudy.lm.sources import ModelSource
from zostudy.lm.tokenizer import tokenise
from zostudy.lm.vocabulary import Vocabulary

MOST_TRIED = 200
_LEAST_LETTERS = 2
_LEAST_OF_WHOLE_WORD = 3

# The names that transformers' models give their input embeddings.
_TABLE_NAMES = (
    "word_embeddings.weight",
    "embed_tokens.weight",
    "wte.weight",
    "tok_embeddings.weight",
    "embed_in.weight",
)


def embedding_table(source: ModelSource) -> NDArray[np.float32]:
    """Returns the model's input embeddings, float32 ``[V, D]``. Of most models no other weight is read.

    Raises:
        ModelError: the weights cannot be read.
    """
    with load_errors_explained(source):
        tensors = read_tensors(weight_files(source))
        found = [tensor for name, tensor in tensors.items() if name.endswith(_TABLE_NAMES) and tensor.dim() == 2]
        if len(found) == 1:
            table: NDArray[np.float32] = found[0].float().numpy()
            return table
    import torch

    from zostudy.lm.weights import load_model

    weight = load_model(source, torch.float32).get_input_embeddings().weight
    return np.asarray(weight.detach().numpy(), np.float32)


def nearest_words(
    tokenizer: Any, table: NDArray[np.float32], before: str, names: Sequence[str], top: int
) -> list[tuple[str, ...]]:
    """Returns for each name the words nearest to it, the nearest first.

    A name's centre is the mean of its tokens' embeddings. Nearness is the cosine, after the mean of all embeddings is
    subtracted, because otherwise every two tokens point the same way. A name that is one token itself comes first.
    Fragments of words come after all whole words.

    Args:
        tokenizer: the model's.
        table: from ``embedding_table``.
        before: the text in front of the answer, which decides how a word is tokenised.
        names: of the classes, in plain words.
        top: how many words for each.

    Raises:
        ModelError: the tokenizer cannot read a name.
    """
    words = _words(Vocabulary(tokenizer, len(table)))
    fragments = ~_are_whole(tokenizer, words)
    ids = np.array(list(words), np.int64)
    mean = table.mean(axis=0)
    candidates = _unit(table[ids] - mean)
    pieces = tokenise(tokenizer, [f" {name}" for name in names], lambda index: f"class {names[index]!r}", special=False)
    found = []
    for name, tokens in zip(names, pieces, strict=True):
        centre = table[[token for token in tokens if token < len(table)]].mean(axis=0) - mean
        order = ids[np.lexsort((-(candidates @ _unit(centre)), fragments))[:MOST_TRIED]]
        ranked = [name, *(words[id] for id in order.tolist())]
        fitting = (word for word in dict.fromkeys(ranked) if is_one_token(tokenizer, before, word))
        found.append(tuple(islice(fitting, top)))
    return found


def is_one_token(tokenizer: Any, before: str, word: str) -> bool:
    """Returns whether a word can be a label word behind a text, its blank in the word's token.

    The other reading of ``label_token_ids`` holds only where all words need it, so a word that needs it serves no set.
    """
    try:
        _, keeps_space = label_token_ids(tokenizer, before, [word])
    except ModelError:
        return False
    return not keeps_space


def _words(vocabulary: Vocabulary) -> dict[int, str]:
    """Returns the tokens that are written like words, by their ids, without the space that some carry."""
    ids = vocabulary.start_tokens.tolist()
    texts = (text.strip() for text in vocabulary.tokenizer.batch_decode([[id] for id in ids]))
    return {id: text for id, text in zip(ids, texts, strict=True) if _is_word(text)}


def _are_whole(tokenizer: Any, words: dict[int, str]) -> NDArray[np.bool_]:
    """Returns which tokens are whole words: those with the tokenizer's mark of a space, if it has one, and 3 letters.

    Byte-pair encoding makes a word step by step. A token that the next token extends is such a step.
    """
    [letter] = tokenise(tokenizer, [" a"], lambda index: "the letter a", special=False)
    mark = tokenizer.convert_ids_to_tokens(letter)[-1].removesuffix("a")
    tokens = dict(zip(words, tokenizer.convert_ids_to_tokens(list(words)), strict=True))
    return np.array(
        [
            token.startswith(mark)
            and len(words[id]) >= _LEAST_OF_WHOLE_WORD
            and not tokens.get(id + 1, "").startswith(token)
            for id, token in tokens.items()
        ],
        np.bool_,
    )


def _is_word(text: str) -> bool:
    return len(text) >= _LEAST_LETTERS and re.fullmatch(r"[^\W\d_]+", text) is not None


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)
