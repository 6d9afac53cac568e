"""The embedded models' tokenizers: byte-level BPE, with the special tokens of each family."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

_VOCABULARY_SIZE = 800
_MAX_LENGTH = 126

# The special tokens of each family, in the order of their ids.
_SPECIAL_TOKENS: dict[str, dict[str, str]] = {
    "mini-roberta": {
        "bos_token": "<s>",
        "pad_token": "<pad>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
        "cls_token": "<s>",
        "sep_token": "</s>",
    },
    "mini-gpt2": {
        "bos_token": "<|endoftext|>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
    },
    "mini-llama": {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"},
}
MODEL_NAMES = tuple(_SPECIAL_TOKENS)
_FRAMES = {"mini-roberta": "<s> $A </s>", "mini-llama": "<s> $A"}


def train_tokenizer(model_name: str, texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Returns a fast tokenizer trained on the texts, framing them as the real models of its family do.

    Every byte is in the vocabulary, so no text has an unknown token.

    Args:
        model_name: ``mini-roberta``, ``mini-gpt2`` or ``mini-llama``.
        texts: what the merges are learnt from.
    """
    names = _SPECIAL_TOKENS[model_name]
    # A mask takes the space before it, as in RoBERTa: "was <mask>" stands for "was great".
    special_tokens = [
        AddedToken(text, special=True, normalized=False, lstrip=text == names.get("mask_token"))
        for text in dict.fromkeys(names.values())
    ]
    backend = byte_level_bpe(texts, _VOCABULARY_SIZE, special_tokens, _FRAMES.get(model_name, ""))
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=_MAX_LENGTH, **names)


def byte_level_bpe(
    texts: Iterable[str], vocabulary_size: int, special_tokens: Sequence[str | AddedToken], frame: str
) -> Tokenizer:
    """Returns a tokenizer trained on the texts; ``frame`` holds the tokens around a text, as in ``<s> $A </s>``."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[*special_tokens],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if frame:
        around = [(token, tokenizer.token_to_id(token)) for token in frame.split() if token != "$A"]
        tokenizer.post_processor = processors.TemplateProcessing(single=frame, special_tokens=around)
    return tokenizer


def single_token(tokenizer: PreTrainedTokenizerFast, word: str) -> int:
    """Returns the id of the one token that stands for a space and the word.

    Raises:
        ValueError: the word has several pieces.
    """
    ids = tokenizer.encode(" " + word, add_special_tokens=False)
    if len(ids) != 1:
        pieces = tokenizer.convert_ids_to_tokens(ids)
        raise ValueError(f"The word {word!r} must be one token, but it is {pieces}; enlarge the vocabulary.")
    return int(ids[0])
