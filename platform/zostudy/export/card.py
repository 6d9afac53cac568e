"""The model card of an exported prompt: its origin, scores, verdicts, decision, wording and use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from zostudy.config.known import BUILT_IN_MODELS
from zostudy.export.card_use import use_sections
from zostudy.export.manifest import Manifest
from zostudy.export.prompt import TunedPrompt
from zostudy.export.trials import StoredTrial
from zostudy.lm.sources import ModelSource
from zostudy.methods import unused_options
from zostudy.methods.options import ProbingOptions
from zostudy.results.comparison.compare import compare
from zostudy.results.decision import ENOUGH_ROWS, Decision, is_searched, recalls
from zostudy.results.outcome import SplitScores
from zostudy.results.schema import METRICS, TEST_METRICS, TRIALS, meaning
from zostudy.results.table_formats import Table, markdown, markdown_text
from zostudy.wording import printable
from zostudy.yaml_text import dump_yaml

_POINTWISE = ("cross-entropy", "focal", "hinge", "logit-adjusted", "ldam")
USED_BY: Mapping[str, tuple[str, ...]] = {
    "focal_gamma": ("focal",),
    "hinge_margin": ("hinge",),
    "logit_adjustment": ("logit-adjusted",),
    "ldam_margin": ("ldam",),
    "auc_version": ("auc",),
    "alpha_projection": ("auc",),
    "auxiliary_learning_rate": ("auc",),
    "auxiliary_start": ("auc",),
    "imbalance.prior": ("auc",),
    "imbalance.margin": ("auc", "auc-pairwise"),
    "imbalance.class_weights": _POINTWISE,
}
"""The objectives that use each of these options. Every objective uses all other options.

``hinge_margin`` and the four of ``auc`` have no ``UsedWith``: studies that give them beside another objective run, and
would be refused.
"""


def model_card(
    manifest: Manifest, prompt: TunedPrompt, source: ModelSource, trial: StoredTrial, note: str | None
) -> str:
    """Returns the card, in Markdown with the hub's YAML header. ``note`` is on the class names, or None."""
    parts = [
        _header(manifest),
        _summary(manifest, prompt, trial),
        _scores(trial),
        _verdicts(trial),
        _decision(manifest, trial),
        _wording(manifest, note),
        use_sections(manifest, prompt, source),
        _repeat(trial),
    ]
    return "\n".join(parts)


def settings_in_use(params: Mapping[str, Any], objective: str | None) -> dict[str, Any]:
    """Returns the options in ``params`` that have a value and that the objective and the step rule use.

    ``objective`` is None for a method without an objective.
    """
    rule = params.get("step_rule")
    idle = unused_options(ProbingOptions, {"step_rule": rule}) if rule else {}
    unused = {name for name, needs in idle.items() if needs.option == "step_rule"}
    return {
        name: value
        for name, value in params.items()
        if value is not None and name not in unused and (name not in USED_BY or objective in USED_BY[name])
    }


def _header(manifest: Manifest) -> str:
    name = manifest.model.name
    base = {} if name.startswith("/") or name in BUILT_IN_MODELS else {"base_model": name}
    fields = {**base, "library_name": "peft", "tags": ["prompt-tuning", "zeroth-order", "zostudy"]}
    return f"---\n{dump_yaml(fields)}---\n"


def _summary(manifest: Manifest, prompt: TunedPrompt, trial: StoredTrial) -> str:
    n, width = prompt.vectors.shape
    row = trial.row
    used = settings_in_use(trial.params, row["objective"])
    how = "along true gradients" if row["needs"] == "gradients" else "without gradients"
    title = f"# {manifest.task.name} by a tuned prompt for {manifest.model.name}\n\n"
    text = (
        f"{n} prompt vectors of {width} numbers, tuned {how} for a frozen `{manifest.model.name}` by "
        f"{manifest.method} at imbalance ratio {manifest.imbalance_ratio:g}: {row['queries']:,} queries on "
        f"{row['n_majority']:,} + {row['n_minority']:,} training examples (most frequent and rarest class).\n\n"
    )
    facts = [
        ("study", manifest.study),
        ("cell", manifest.cell),
        ("trial", manifest.trial),
        ("method", f"{manifest.method} ({row['algorithm']})"),
        ("model", manifest.model.name + (f", revision {manifest.model.revision}" if manifest.model.revision else "")),
        ("start of the prompt", _start(manifest, prompt, row)),
        ("dtype of the matrix products", manifest.model.dtype),
        ("settings", ", ".join(f"{key} {value}" for key, value in used.items())),
    ]
    return title + text + _table(("property", "value"), facts)


def _start(manifest: Manifest, prompt: TunedPrompt, row: Mapping[str, Any]) -> str:
    model, how = manifest.model, "random tokens"
    if model.start == "text":
        how = f"the text {model.start_text!r}"
    elif pd.notna(row["start_draw"]):
        took = f"which took {int(row['start_queries']):,} of the queries"
        how = f"the best of {model.start_draws} draws of random tokens by dev, {took}"
    return printable(f"{how} (ids {', '.join(map(str, prompt.start.tolist()))})")


def _scores(trial: StoredTrial) -> str:
    seeds = len(trial.confirm_seeds)
    there = [metric for metric in TEST_METRICS if pd.notna(trial.row[f"test_{metric}"])]
    rows = []
    for metric in there:
        columns = (f"dev_{metric}" if metric in METRICS else "", f"test_{metric}")
        own = [f"{trial.row[column]:.3f}" if column else "-" for column in columns]
        spreads = [f"{trial.spread(column):.3f}" if column else "-" for column in columns]
        rows.append((metric.replace("_", " "), *own, *spreads))
    meanings = [
        f"- {metric.replace('_', ' ')}: {meaning(TRIALS.field(f'dev_{metric}')).removeprefix('dev: ')}."
        for metric in there
        if metric in METRICS
    ]
    head = ("metric", "this trial, dev", "this trial, test", f"{seeds} seeds, dev", f"{seeds} seeds, test")
    return (
        f"## Scores\n\n{_table(head, rows)}\n"
        f"The right half shows the mean and 95% interval over the {seeds} confirm seeds of the cell. The seeds share "
        "the settings and differ in data draw, subspace and noise, so the right half shows how good the settings are. "
        "The left half shows this prompt alone. Dev chose the prompt, so its dev scores are too high; test was scored "
        "once. Metrics at dev threshold use the threshold that each seed's own dev chose. All other metrics take the "
        f"class with the highest score (argmax).\n\n{chr(10).join(meanings)}\n"
    )


def _verdicts(trial: StoredTrial) -> str:
    """Returns the verdicts of the study's comparison on the trial's cell; empty if there are no verdicts."""
    method, ratio = trial.row["method"], trial.row["imbalance_ratio"]
    comparison = compare(trial.study.results, allow_unequal=True)
    [cell] = [each for each in comparison.cells if (each.row[-1], each.column) == (method, ratio)]
    found = [verdict for verdict in comparison.verdicts if verdict.cell is cell]
    if not found:
        return ""
    lines = (f"{verdict.title}: {verdict.fact}. To change: {verdict.setting}." for verdict in found)
    return "\n".join(["## Verdicts\n", *(f"- {markdown_text(line)}" for line in lines), ""])


def _decision(manifest: Manifest, trial: StoredTrial) -> str:
    decision, names = manifest.decision, [printable(name) for name in manifest.task.class_names]
    if decision.threshold is None:
        return (
            "## Decision\n\nThe prediction is the class with the highest score. A threshold is chosen for two classes "
            f"only; this task has {len(names)}.\n"
        )
    rows = []
    for split in ("dev", "test"):
        scores = trial.scores(split)
        for label, rule in ((f"{split}, threshold", decision), (f"{split}, highest score", Decision())):
            recall = recalls(rule, scores)
            rows.append((label, f"{recall.mean():.3f}", *(f"{value:.3f}" for value in recall)))
    return (
        f"## Decision\n\nThe prediction is `{names[1]}` if its score exceeds that of `{names[0]}` by more than "
        f"{decision.threshold:.6g}, which is a softmax probability above {decision.probability:.6g}, else "
        f"`{names[0]}`. {_chosen(trial.scores('dev'))} Scores are logits. Probabilities are their softmax over the "
        "classes; they are not calibrated.\n\n"
        + _table(("", "balanced accuracy", *(f"recall of {name}" for name in names)), rows)
    )


def _chosen(dev: SplitScores) -> str:
    if is_searched(dev):
        return f"The threshold has the best balanced accuracy on the {len(dev.labels):,} dev examples."
    return (
        f"The threshold lies in the middle between the two classes' mean score differences on the {len(dev.labels):,} "
        f"dev examples. A search for the best one needs {ENOUGH_ROWS} dev examples of each class."
    )


def _wording(manifest: Manifest, note: str | None) -> str:
    task = manifest.task
    tokens: Sequence[object] = task.label_tokens or ["-"] * len(task.label_words)
    rows = list(zip(task.class_names, task.label_words, map(str, tokens), strict=True))
    hint = f"\nNote: {note}.\n" if note else ""
    return (
        f"## Template and label words\n\n    {printable(task.template)}\n\n"
        + _table(("class", "label word", "token id"), rows)
        + hint
    )


def _repeat(trial: StoredTrial) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in trial.versions.items())
    return (
        f"## Repeat\n\nThe trial ran with {versions}. Save this as `study.yaml`; `zostudy run study.yaml` gives the "
        "same numbers:\n\n"
        f"```yaml\n{trial.study.yaml.rstrip()}\n```\n"
    )


def _table(columns: Sequence[str], rows: Iterable[tuple[str, ...]]) -> str:
    return markdown(Table(tuple(columns), tuple(rows), text_columns=len(columns))) + "\n"
