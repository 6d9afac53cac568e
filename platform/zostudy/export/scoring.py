"""Scores texts with an exported prompt, by the evaluator that tuned it."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from zostudy.config.model import ModelSpec
from zostudy.errors import ModelError, ResultsError, TooLongError
from zostudy.export.identity import check_identity, wrong_model
from zostudy.export.manifest import EXPORT_AGAIN, PROMPT_FILE, PROMPT_KEY, Manifest
from zostudy.export.prompt import embeddings_digest
from zostudy.export.task import InputTexts
from zostudy.lm.encoding import EncodedTask, encode_task
from zostudy.lm.finding import find_model
from zostudy.lm.frozen import Evaluator, make_evaluator
from zostudy.lm.limits import max_input_tokens
from zostudy.lm.linear import check_device
from zostudy.lm.sources import ModelSource
from zostudy.lm.tokenizer import load_tokenizer
from zostudy.lm.weights import DType

ROWS_AT_ONCE = 256


def score_texts(
    folder: Path,
    manifest: Manifest,
    texts: InputTexts,
    report: Callable[[int], None],
    device: str = "cpu",
    model: str | None = None,
    truncate: bool = False,
    trust_remote_code: bool = False,
) -> NDArray[np.float32]:
    """Returns the class scores of texts, float32 ``[n, C]``, which equal those of the study to 1e-4.

    Args:
        folder: the export.
        manifest: of the export.
        texts: n texts.
        report: called with the number of scored texts, from 0 on.
        device: ``cpu`` or ``cuda``.
        model: where the model is now, if it has moved since the study.
        truncate: cut texts that are too long, even if the study refused them.
        trust_remote_code: run Python files that come with the model.

    Raises:
        ModelError: the model cannot be loaded or is not the study's, texts are too long, or the device is missing.
        ResultsError: the export is damaged.
    """
    check_device(device)
    named = {} if model is None else {"name": os.path.abspath(model) if os.path.isdir(model) else model}
    spec = manifest.model.model_copy(update={**named, "head": manifest.head, "trust_remote_code": trust_remote_code})
    prompt = _read_prompt(folder, spec)
    source = find_model(spec)
    tokenizer = load_tokenizer(source)
    encoded = _encode(manifest, spec, source, tokenizer, texts, truncate or manifest.task.truncate)
    if manifest.identity is not None:
        check_identity(manifest.identity, manifest.model.name, source, tokenizer)
    dtype: DType = "bfloat16" if spec.dtype == "bfloat16" else "float32"
    evaluator = make_evaluator(spec, source, encoded, dtype, device)
    if embeddings_digest(evaluator.embeddings) != manifest.embeddings:
        raise wrong_model(manifest.model.name, source, "other embeddings")
    if prompt.shape[1] != evaluator.width:
        raise _wrong_shape(folder, spec, evaluator.width, prompt)
    return _scores(evaluator, prompt, len(texts.texts), report)


def _scores(evaluator: Evaluator, prompt: Tensor, n_texts: int, report: Callable[[int], None]) -> NDArray[np.float32]:
    """Returns the scores of all texts, ``[n, C]``.

    Each thread scores its own rows and computes its matrix products alone, as a study's replicas do. Threads that share
    the small products of one forward wait for each other most of the time.
    """
    parts = [np.arange(start, n_texts, dtype=np.int32)[:ROWS_AT_ONCE] for start in range(0, n_texts, ROWS_AT_ONCE)]

    def score(rows: NDArray[np.int32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = evaluator.score_prompts(prompt[None], rows[None])[0]
        return found

    scores: list[NDArray[np.float32]] = []
    report(0)
    with ThreadPoolExecutor(torch.get_num_threads(), initializer=torch.set_num_threads, initargs=(1,)) as threads:
        for found in threads.map(score, parts):
            scores.append(found)
            report(sum(map(len, scores)))
    return np.concatenate(scores)


def _read_prompt(folder: Path, spec: ModelSpec) -> Tensor:
    path = folder / PROMPT_FILE
    try:
        prompt = load_file(path)[PROMPT_KEY]
    except (OSError, SafetensorError, KeyError) as error:
        fault = f"{path} cannot be read ({error})"
        raise ResultsError("an exported prompt must hold its vectors", got=fault, remedy=EXPORT_AGAIN) from error
    if prompt.dim() != 2 or len(prompt) != spec.prompt_tokens:
        raise _wrong_shape(folder, spec, "D", prompt)
    if prompt.dtype != torch.float32 or not bool(prompt.isfinite().all()):
        rule, fault = "an exported prompt must be finite numbers in float32", f"{path} holds others"
        raise ResultsError(rule, got=fault, remedy=EXPORT_AGAIN)
    return prompt


def _wrong_shape(folder: Path, spec: ModelSpec, width: object, prompt: Tensor) -> ResultsError:
    rule, fault = f"must be [{spec.prompt_tokens}, {width}]", f"{folder / PROMPT_FILE} holds {list(prompt.shape)}"
    return ResultsError(f"an exported prompt {rule}", got=fault, remedy=EXPORT_AGAIN)


def _encode(
    manifest: Manifest, spec: ModelSpec, source: ModelSource, tokenizer: Any, texts: InputTexts, truncate: bool
) -> EncodedTask:
    wording = manifest.task.wording
    try:
        encoded = encode_task(
            tokenizer,
            source,
            texts.texts,
            texts.second_texts,
            np.arange(len(texts.texts), dtype=np.int64),
            wording.template.render,
            wording.label_words,
            max_input_tokens(spec, source, tokenizer),
            truncate,
        )
    except TooLongError as error:
        raise TooLongError(error.rule, got=error.got, remedy="give `truncate` to cut them") from error
    found, expected = encoded.label_tokens.tolist(), list(manifest.task.label_tokens)
    if found != expected:
        raise ModelError(
            f"label words must be the tokens {expected}",
            got=f"are {found} to the tokenizer of {source.location}",
            remedy="name the study's model with `model`",
        )
    return encoded
