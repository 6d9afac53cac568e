"""Texts labelled with an exported prompt, by the evaluator that tuned it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from zostudy.config.study import ModelSpec
from zostudy.errors import ModelError, ResultsError, TooLongError
from zostudy.export.identity import check_identity
from zostudy.export.labelling import Texts
from zostudy.export.manifest import PROMPT_FILE, PROMPT_KEY, Manifest
from zostudy.export.prompt import fingerprint
from zostudy.lm.encoding import EncodedTask, encode_task
from zostudy.lm.frozen import make_evaluator
from zostudy.lm.limits import max_input_tokens
from zostudy.lm.sources import ModelSource, find_model
from zostudy.lm.tokenizer import load_tokenizer
from zostudy.lm.weights import DType

ROWS_AT_ONCE = 256

Report = Callable[[int], None]


def predict(
    folder: Path,
    manifest: Manifest,
    texts: Texts,
    report: Report,
    device: str = "cpu",
    model: str | None = None,
    truncate: bool = False,
    trust_remote_code: bool = False,
) -> NDArray[np.float32]:
    """Returns the class scores of texts, float32 ``[n, C]``, those of the study to 1e-4.

    Args:
        folder: the export.
        manifest: its manifest.
        texts: what to label.
        report: told how many are done.
        device: a torch device.
        model: where the model is now, if not where the study had it.
        truncate: cut texts that are too long, even where the study refused them.
        trust_remote_code: run Python files that come with the model.

    Raises:
        ModelError: the model cannot be loaded or is another one, texts are too long, or there is no such device.
        ResultsError: the export is damaged.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ModelError("--device cuda needs a GPU that torch can use, but there is none; use --device cpu")
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
    if fingerprint(evaluator.embeddings) != manifest.embeddings:
        raise ModelError(
            f"a prompt works with the model it was tuned for, {manifest.model.name}, but {source.location} has other "
            "embeddings; name that model with --model"
        )
    scores = np.empty((len(texts.texts), len(manifest.task.class_names)), dtype=np.float32)
    for start in range(0, len(scores), ROWS_AT_ONCE):
        rows = np.arange(start, min(start + ROWS_AT_ONCE, len(scores)), dtype=np.int32)
        scores[rows] = evaluator.score_prompts(prompt[None], rows[None])[0]
        report(int(rows[-1]) + 1)
    return scores


def _read_prompt(folder: Path, spec: ModelSpec) -> Tensor:
    path = folder / PROMPT_FILE
    try:
        prompt = load_file(path)[PROMPT_KEY]
    except (OSError, SafetensorError, KeyError) as error:
        raise ResultsError(
            f"an exported prompt must hold its vectors, but {path} cannot be read ({error}); export the trial again"
        ) from error
    if prompt.dim() != 2 or len(prompt) != spec.prompt_tokens:
        raise ResultsError(
            f"an exported prompt must be [{spec.prompt_tokens}, D], but {path} holds {list(prompt.shape)}; "
            "export the trial again"
        )
    return prompt


def _encode(
    manifest: Manifest, spec: ModelSpec, source: ModelSource, tokenizer: Any, texts: Texts, truncate: bool
) -> EncodedTask:
    wording = manifest.task.wording
    rows = np.arange(len(texts.texts), dtype=np.int64)
    room = max_input_tokens(spec, source, tokenizer)
    try:
        encoded = encode_task(
            tokenizer,
            source,
            texts.texts,
            texts.second_texts,
            rows,
            wording.template.render,
            wording.label_words,
            room,
            truncate,
        )
    except TooLongError as error:
        raise TooLongError(error.rule, got=error.got, remedy="give `truncate` to cut them") from error
    if tuple(encoded.label_tokens.tolist()) != manifest.task.label_tokens:
        raise ModelError(
            f"label words must be the tokens {list(manifest.task.label_tokens)}, but are "
            f"{encoded.label_tokens.tolist()} to the tokenizer of {source.location}; "
            "name the study's model with --model"
        )
    return encoded
