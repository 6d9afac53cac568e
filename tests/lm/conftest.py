"""Tokenizers of many kinds, trained in the tests on a few sentences; and tasks of random token ids."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import ByT5Tokenizer, PreTrainedTokenizer, PreTrainedTokenizerFast

from zostudy.config.known import HeadKind
from zostudy.lm.encoding import EncodedTask

SENTENCES = (
    "the film was great and the story was good",
    "a very slow and boring book , but the actors were good .",
    "It was terrible : i did not like the end at all !",
    "Is it bad ? yes , it was bad",
    "not bad , not great ; some said <b>fine</b> & others 5 / 10",
)
NAMES = {"bos": "<s>", "eos": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>", "sep": "[SEP]", "cls": "[CLS]"}
# The same tokens under names that no text has: with these, all that a text holds is text to the tokenizer.
SECRET = {role: f"\ue000{role}\ue001" for role in NAMES}


@pytest.fixture(scope="session")
def random_task() -> Callable[..., EncodedTask]:
    """Gives random ids of 60 tokens: the same lead in all, the answer inside the text, or at its end if causal."""

    def make(head: HeadKind, lead: int = 1, n_rows: int = 12) -> EncodedTask:
        noise = np.random.default_rng(0)
        lengths = noise.integers(lead + 2, 20, n_rows)
        inputs = [np.concatenate([np.full(lead, 5), noise.integers(6, 60, n - lead)]) for n in lengths]
        answers = noise.integers(lead, lengths) if head == "masked" else lengths - 1
        words = [np.array([5, 7, 8], np.int32), np.array([5, 9], np.int32)]
        return EncodedTask(
            tokens=np.concatenate(inputs).astype(np.int32),
            offsets=np.concatenate([[0], np.cumsum(lengths)]),
            answers=answers.astype(np.int32),
            lead=lead,
            label_tokens=np.zeros(0, np.int32) if head == "encoder" else np.array([11, 7, 30], np.int32),
            label_texts=tuple(words) if head == "encoder" else (),
            start_vocabulary=np.arange(6, 60, dtype=np.int32),
        )

    return make


@pytest.fixture(scope="session")
def make_tokenizer() -> Callable[..., Any]:
    """Gives a tokenizer by its kind; ``secret`` gives its special tokens names that occur in no text."""
    return cache(_make)


def _make(kind: str, secret: bool = False, added: tuple[str, ...] = ()) -> Any:
    if kind == "byt5":
        return ByT5Tokenizer(extra_ids=5)
    names = SECRET if secret else NAMES
    if kind == "python-words":
        return _PythonWords(names)
    written = _trained_once(kind)
    backend = Tokenizer.from_str(json.dumps(_renamed(json.loads(written))) if secret else written)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, **{f"{role}_token": text for role, text in names.items()}
    )
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in added])
    return tokenizer


@cache
def _trained_once(kind: str) -> str:
    return _KINDS[kind](NAMES).to_str()  # trained again, the same pieces might get other ids


def _renamed(part: Any) -> Any:
    """Gives the special tokens their secret names, wherever they stand."""
    new = {NAMES[role]: SECRET[role] for role in NAMES}
    if isinstance(part, dict):
        return {new.get(key, key): _renamed(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_renamed(each) for each in part]
    return new.get(part, part) if isinstance(part, str) else part


def _trained(backend: Tokenizer, trainer: Any, frame: str, names: dict[str, str]) -> Tokenizer:
    backend.train_from_iterator(SENTENCES, trainer)
    frame = " ".join(names.get(part, part) for part in frame.split())
    backend.post_processor = processors.TemplateProcessing(
        single=frame, special_tokens=[(part, backend.token_to_id(part)) for part in frame.split() if part != "$A"]
    )
    return backend


def _special(names: dict[str, str], normalized: bool = False, lstrip: bool = False) -> list[AddedToken]:
    return [
        AddedToken(text, special=True, normalized=normalized, lstrip=lstrip and role == "mask")
        for role, text in names.items()
    ]


def _wordpiece(names: dict[str, str], normalized: bool = False) -> Tokenizer:
    backend = Tokenizer(models.WordPiece(unk_token=names["unk"]))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True) if not normalized else normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=_special(names, normalized), show_progress=False)
    return _trained(backend, trainer, "cls $A sep", names)


def _byte_bpe(names: dict[str, str], frame: str) -> Tokenizer:
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=_special(names, lstrip=True), initial_alphabet=alphabet, show_progress=False
    )
    return _trained(backend, trainer, frame, names)


def _llama(names: dict[str, str], legacy: bool) -> Tokenizer:
    backend = Tokenizer(models.BPE(unk_token=names["unk"], fuse_unk=True))
    if legacy:
        backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    trainer = trainers.BpeTrainer(vocab_size=200, special_tokens=_special(names), show_progress=False)
    return _trained(backend, trainer, "bos $A eos", names)


def _unigram(names: dict[str, str], frame: str) -> Tokenizer:
    backend = Tokenizer(models.Unigram())
    backend.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trainer = trainers.UnigramTrainer(
        vocab_size=150, special_tokens=_special(names, lstrip=True), unk_token=names["unk"], show_progress=False
    )
    return _trained(backend, trainer, frame, names)


def _words(names: dict[str, str], splitter: Any, frame: str) -> Tokenizer:
    backend = Tokenizer(models.WordLevel(unk_token=names["unk"]))
    backend.pre_tokenizer = splitter
    trainer = trainers.WordLevelTrainer(special_tokens=_special(names), show_progress=False)
    return _trained(backend, trainer, frame, names)


_KINDS: dict[str, Callable[[dict[str, str]], Tokenizer]] = {
    "wordpiece": _wordpiece,
    "roberta": lambda names: _byte_bpe(names, "bos $A eos"),
    "gpt2": lambda names: _byte_bpe(names, "$A"),
    "llama-legacy": lambda names: _llama(names, legacy=True),
    "llama": lambda names: _llama(names, legacy=False),
    "xlm-roberta": lambda names: _unigram(names, "bos $A eos"),
    "t5": lambda names: _unigram(names, "$A eos"),
    "words": lambda names: _words(names, pre_tokenizers.WhitespaceSplit(), "bos cls $A sep eos"),
    "characters": lambda names: _words(names, pre_tokenizers.Split(Regex("."), "isolated"), "bos $A"),
    "normalized-mask": lambda names: _wordpiece(names, normalized=True),
}


class _PythonWords(PreTrainedTokenizer):
    """A tokenizer written in Python: words between blanks."""

    def __init__(self, names: dict[str, str]) -> None:
        words = dict.fromkeys(word for sentence in SENTENCES for word in sentence.split())
        self._ids = {text: id for id, text in enumerate([*names.values(), *words])}
        initialise: Any = super().__init__
        initialise(**{f"{role}_token": text for role, text in names.items()})

    @property
    def vocab_size(self) -> int:
        return len(self._ids)

    def get_vocab(self) -> dict[str, int]:
        return dict(self._ids)

    def _tokenize(self, text: str, **options: Any) -> list[str]:
        return text.split()

    def _convert_token_to_id(self, token: str) -> int:
        return self._ids.get(token, self._ids[str(self.unk_token)])

    def _convert_id_to_token(self, index: int) -> str:
        return list(self._ids)[index]

    def build_inputs_with_special_tokens(self, token_ids_0: list[int], token_ids_1: Any = None) -> list[int]:
        return [self.cls_token_id, *token_ids_0, self.sep_token_id]
