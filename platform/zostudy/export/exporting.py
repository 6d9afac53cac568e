"""A trial's prompt, exported: adapter, vectors, manifest and model card in one folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save

from zostudy.config.study import ModelSpec
from zostudy.export.adapter import write_adapter
from zostudy.export.asking import Asking, find_asking
from zostudy.export.card import model_card
from zostudy.export.decision import choose_decision
from zostudy.export.folder import check_free, whole_folder
from zostudy.export.identity import identity_of
from zostudy.export.manifest import CARD_FILE, MANIFEST_FILE, PROMPT_FILE, PROMPT_KEY, ExportedTask, Manifest
from zostudy.export.prompt import TunedPrompt, fingerprint, tuned_prompt
from zostudy.export.trials import StoredTrial
from zostudy.lm.sources import ModelSource, find_model


@dataclass(frozen=True)
class Exported:
    """What an export holds.

    Attributes:
        manifest: as ``zostudy.json`` has it.
        note: what a user should know of the class names, or None.
    """

    manifest: Manifest
    note: str | None


def export_trial(trial: StoredTrial, out: Path, trust_remote_code: bool = False) -> Exported:
    """Writes the prompt of a confirm trial to a folder, which appears whole; returns what it holds.

    Args:
        trial: of the confirm stage.
        out: a new folder, or an earlier export, which is replaced.
        trust_remote_code: run Python files that come with the model, whatever the study allowed.

    Raises:
        ResultsError: the trial is of the search, or the folder holds something else or cannot be written.
        ZostudyError: the model cannot be loaded, or the study's data is needed and gone.
    """
    check_free(out)
    trial.check_confirmed()
    spec = trial.study.spec.model.model_copy(
        update={"trust_remote_code": trust_remote_code, "dtype": trial.study.dtype}
    )
    source = find_model(spec)
    asking = find_asking(trial.study.spec.task, source.head)
    prompt = tuned_prompt(spec, source, asking, trial)
    manifest = _manifest(spec, source, asking, prompt, trial)
    with whole_folder(out) as folder:
        write_adapter(folder, prompt, source)
        (folder / PROMPT_FILE).write_bytes(save({PROMPT_KEY: prompt.vectors.contiguous()}, metadata={"format": "pt"}))
        (folder / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (folder / CARD_FILE).write_text(model_card(manifest, prompt, source, trial, asking.note), encoding="utf-8")
    return Exported(manifest, asking.note)


def _manifest(
    spec: ModelSpec, source: ModelSource, asking: Asking, prompt: TunedPrompt, trial: StoredTrial
) -> Manifest:
    study = trial.study.spec
    return Manifest(
        study=study.name,
        cell=trial.row["cell"],
        trial=trial.name,
        method=trial.row["method"],
        imbalance_ratio=trial.row["imbalance_ratio"],
        model=spec.model_copy(update={"trust_remote_code": False}),
        head=source.head,
        embeddings=fingerprint(prompt.embeddings),
        identity=identity_of(source, prompt.tokenizer),
        task=ExportedTask(
            name=study.task.name,
            text=asking.text,
            second_text=asking.second_text,
            template=asking.wording.template.source,
            label_words=asking.wording.label_words,
            label_tokens=prompt.label_tokens,
            class_names=asking.class_names,
            truncate=study.task.truncate,
        ),
        decision=choose_decision(trial.scores("dev")),
        versions=trial.versions,
    )
