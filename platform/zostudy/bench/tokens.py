"""A tokenizer for models whose weights are random: learnt from the texts themselves, so that lengths are real."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from zostudy.config.study import HeadKind

VOCABULARY_SIZE = 2**14
"""With it some ten thousand texts fall into about as many tokens as RoBERTa's own tokenizer makes of them."""

_SPECIAL_TOKENS = {
    "bos_token": "<s>",
    "pad_token": "<pad>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}


def train_tokenizer(head: HeadKind, texts: Iterable[str], longest: int) -> PreTrainedTokenizerFast:
    """Returns a byte-level BPE tokenizer; the same texts always give the same one.

    Args:
        head: a masked model's texts stand between ``<s>`` and ``</s>``, as RoBERTa's do.
        texts: what the merges are learnt from.
        longest: tokens that the model takes.
    """
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=list(_SPECIAL_TOKENS.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    if head == "masked":
        frame = [(token, backend.token_to_id(token)) for token in ("<s>", "</s>")]
        backend.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=frame)
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=longest, **_SPECIAL_TOKENS)
