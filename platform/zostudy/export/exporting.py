"""Exports a trial's prompt: PEFT adapter, vectors, manifest and model card in one folder.

PEFT puts its virtual tokens in front of the whole input. A study puts the prompt behind the tokenizer's leading special
tokens, such as RoBERTa's ``<s>``. So the adapter's first vectors are the embeddings of these tokens, and the input is
given without them. Positions count from the first vector in both cases, and the logits are equal.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
from safetensors.torch import save

from zostudy.arguments import path_of
from zostudy.export.card import model_card
from zostudy.export.identity import identity_of
from zostudy.export.manifest import (
    ADAPTER_CONFIG_FILE,
    ADAPTER_FILE,
    CARD_FILE,
    MANIFEST_FILE,
    PROMPT_FILE,
    PROMPT_KEY,
    Manifest,
    atomic_folder,
    check_replaceable,
)
from zostudy.export.prompt import TunedPrompt, embeddings_digest, tuned_prompt
from zostudy.export.trials import StoredTrial, load_study_results
from zostudy.lm.finding import find_model, load_config
from zostudy.lm.sources import ModelSource
from zostudy.results.decision import choose_decision

_TASK_TYPES = {"causal": "CAUSAL_LM", "masked": "FEATURE_EXTRACTION", "encoder": "FEATURE_EXTRACTION"}


def export(
    results: str | os.PathLike[str], trial: str, to: str | os.PathLike[str], trust_remote_code: bool = False
) -> Path:
    """Exports a confirm trial's prompt as a PEFT adapter with a card, and returns the folder; is ``zostudy.export``.

    ``trial`` is a confirm trial, or a cell, ``best-r10`` or ``best`` for the best one of it, at ratio 10, or at the
    hardest ratio. ``to`` is a new folder, or an earlier export to replace.

    Raises:
        ZostudyError: there is no such trial, the folder holds something else, or the model cannot be loaded.
    """
    out = path_of(to, "to")
    check_replaceable(out)
    export_trial(load_study_results(results).trial(trial), out, trust_remote_code)
    return out


def export_trial(trial: StoredTrial, out: Path, trust_remote_code: bool = False) -> tuple[Manifest, str | None]:
    """Writes the prompt of a confirm trial to a new folder, or replaces an earlier export, at once.

    ``trust_remote_code`` decides whether the model's own Python files run, whatever the study allowed.

    Returns:
        The manifest, and a note on the class names, if there is one.

    Raises:
        ResultsError: it is a search trial, or the folder holds other files or cannot be written.
        ZostudyError: the model cannot be loaded, or the study's data is needed and missing.
    """
    check_replaceable(out)
    trial.check_confirmed()
    study = trial.study.spec
    spec = study.model.model_copy(update={"trust_remote_code": trust_remote_code, "dtype": trial.study.dtype})
    source = find_model(spec)
    task, note = trial.task(source.head)
    prompt = tuned_prompt(spec, source, task, trial)
    manifest = Manifest(
        study=study.name,
        cell=trial.row["cell"],
        trial=trial.name,
        method=trial.row["method"],
        imbalance_ratio=trial.row["imbalance_ratio"],
        model=spec.model_copy(update={"trust_remote_code": False}),
        head=source.head,
        embeddings=embeddings_digest(prompt.embeddings),
        identity=identity_of(source, prompt.tokenizer),
        task=task.model_copy(update={"label_tokens": prompt.label_tokens}),
        decision=choose_decision(trial.scores("dev")),
        versions=trial.versions,
    )
    with atomic_folder(out) as folder:
        write_adapter(folder, prompt, source)
        (folder / PROMPT_FILE).write_bytes(save({PROMPT_KEY: prompt.vectors.contiguous()}, metadata={"format": "pt"}))
        (folder / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (folder / CARD_FILE).write_text(model_card(manifest, prompt, source, trial, note), encoding="utf-8")
    return manifest, note


def write_adapter(folder: Path, prompt: TunedPrompt, source: ModelSource) -> None:
    """Writes an adapter that ``peft.PeftModel.from_pretrained`` loads.

    PEFT has no task type for masked models. With FEATURE_EXTRACTION it returns the base model's output, the logits.
    """
    vectors = torch.cat([prompt.lead_vectors, prompt.vectors]).contiguous()
    model = load_config(source).get_text_config()
    config = {
        "peft_type": "PROMPT_TUNING",
        "task_type": _TASK_TYPES[source.head],
        "base_model_name_or_path": source.location,
        "revision": source.revision,
        "inference_mode": True,
        "num_virtual_tokens": len(vectors),
        "token_dim": vectors.shape[1],
        "num_transformer_submodules": 1,
        "num_attention_heads": getattr(model, "num_attention_heads", 1),  # PEFT asks for it even without attention
        "num_layers": model.num_hidden_layers,
        "prompt_tuning_init": "RANDOM",
    }
    (folder / ADAPTER_CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (folder / ADAPTER_FILE).write_bytes(save({"prompt_embeddings": vectors}, metadata={"format": "pt"}))
