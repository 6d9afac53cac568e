"""A benchmark's report as tables for people."""

from __future__ import annotations

from zostudy.bench.report import MemoryUse, ModelSpeed, PoolSpeed, Report, ScaleEfficiency, Speed, StudyOverhead
from zostudy.results.table_formats import Table
from zostudy.wording import counted

_MODELS_NOTES = (
    "tokens: of a text with its template, mean and most. peak memory: with all evaluators loaded side by side.",
)
_EVALUATOR_NOTES = (
    "s/query: median of the rounds (quickest-slowest). ratio: to the reference, transformers' own model in float32, "
    "one prompt at a time, padded, with the whole vocabulary's logits. careful: the same loop in bfloat16, with logits "
    "at the answer alone.",
    "tokens/s: of texts and prompts, unpadded, computed or not. difference: largest, to the reference's scores.",
    "FLOP/s: two for each multiply-add of the matrix products that zostudy computes, counted; of matrix: its share of "
    "what one large matrix product in that dtype reached in the same rounds.",
)
_POOL_NOTES = (
    "float32, one thread each. Units lie in Ray, the bare evaluator gets a step as a whole in this process.",
)
_SCALE_NOTES = ("Sleeping replicas compute nothing: what is missing to 1 is the pool's own cost on this machine.",)
_MEMORY_NOTES = (
    "float32, each having scored one query. together: all private pages, and once the shared ones of the largest; the "
    "driver and Ray's own processes left out.",
)

_STUDY_NOTES = (
    "A fake scorer: this measures the driver alone. overhead: seconds of the study beyond what the scorer slept, with "
    "Ray, Tune, Optuna and the ledger as they are, start of the trials' processes included.",
)


def report_tables(report: Report) -> list[Table]:
    """Returns the machine, then a table a section that was measured."""
    tables = [_machine(report)]
    if report.evaluator:
        tables += [_models(report.evaluator), _evaluator(report.evaluator)]
    if report.pool:
        tables.append(_pool(report.pool))
    if report.scale:
        tables.append(_scale(report.scale))
    if report.memory:
        tables.append(_memory(report.memory))
    if report.study:
        tables.append(_study(report.study))
    return tables


def _machine(report: Report) -> Table:
    machine = report.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    rows = [
        ("processor", f"{machine.processor}, {machine.cores} cores"),
        *([("accelerator", machine.accelerator)] if machine.accelerator else []),
        ("bfloat16 unit", machine.bfloat16_unit or "none"),
        ("threads", str(machine.threads)),
        ("system", f"{machine.system}, {versions}"),
        ("texts", report.texts),
    ]
    return Table(("machine", ""), tuple(rows), notes=report.notes, text_columns=2)


def _models(models: tuple[ModelSpeed, ...]) -> Table:
    columns = ("model", "weights", "parameters", "queries x texts", "tokens (most)", "prompt tokens", "peak memory")
    rows = tuple(
        (
            model.model,
            model.weights,
            f"{model.parameters / 1e6:.3g}M",
            f"{model.queries} x {model.batch}",
            f"{model.mean_tokens:.1f} ({model.most_tokens})",
            str(model.prompt_tokens),
            _size(model.peak_bytes),
        )
        for model in models
    )
    return Table(columns, rows, "models", _MODELS_NOTES, text_columns=2)


def _evaluator(models: tuple[ModelSpeed, ...]) -> Table:
    columns = ("model", "evaluator", "s/query", "queries/s", "ratio", "tokens/s", "GFLOP/s", "of matrix", "difference")
    rows = tuple((model.model, *_speed_cells(speed)) for model in models for speed in model.speeds)
    return Table(columns, rows, "evaluator", _EVALUATOR_NOTES, text_columns=2)


def _speed_cells(speed: Speed) -> tuple[str, ...]:
    return (
        speed.evaluator,
        f"{speed.seconds:.3g} ({speed.seconds_least:.3g}-{speed.seconds_most:.3g})",
        f"{speed.queries_per_second:.3g}",
        f"{speed.ratio:.2f}",
        f"{speed.tokens_per_second:,.0f}",
        "-" if speed.flops_per_second is None else f"{speed.flops_per_second / 1e9:,.0f}",
        "-" if speed.share_of_matrix_rate is None else f"{speed.share_of_matrix_rate:.0%}",
        "-" if speed.evaluator == "reference" else f"{speed.difference:.1e}",
    )


def _pool(speeds: tuple[PoolSpeed, ...]) -> Table:
    columns = ("scored by", "units", "s/unit", "s/step", "driver s/step", "queries/s", "over bare", "over one replica")
    rows = tuple(
        (
            f"{counted(speed.replicas, 'replica')} behind Ray" if speed.replicas else "bare evaluator",
            str(speed.units),
            f"{speed.unit_seconds:.3f}",
            f"{speed.step_seconds:.3f}",
            "-" if speed.driver_seconds is None else f"{speed.driver_seconds:.3f}",
            f"{speed.queries_per_second:,.1f}",
            f"{speed.over_bare:.3f}",
            f"{speed.over_one_replica:.3f}" if speed.replicas else "-",
        )
        for speed in speeds
    )
    return Table(columns, rows, f"pool: {speeds[0].model}", _POOL_NOTES)


def _scale(points: tuple[ScaleEfficiency, ...]) -> Table:
    columns = ("sleeping replicas", "units", "s/step", "driver s/step", "efficiency")
    rows = tuple(
        (
            str(point.replicas),
            str(point.units),
            f"{point.step_seconds:.3f}",
            f"{point.driver_seconds:.3f}",
            f"{point.efficiency:.3f}",
        )
        for point in points
    )
    return Table(columns, rows, f"scale: units of {points[0].unit_seconds * 1000:.0f} ms", _SCALE_NOTES, text_columns=0)


def _memory(uses: tuple[MemoryUse, ...]) -> Table:
    columns = ("replicas", "resident", "proportional", "shared", "private", "together", "over one replica")
    rows = tuple(
        (
            str(use.replicas),
            _size(use.resident_bytes),
            _size(use.proportional_bytes),
            _size(use.shared_bytes),
            _size(use.private_bytes),
            _size(use.total_bytes),
            f"{use.over_one_replica:.2f}",
        )
        for use in uses
    )
    title = f"memory: {uses[0].model}, weights of {_size(uses[0].weights_bytes)}"
    return Table(columns, rows, title, _MEMORY_NOTES, text_columns=0)


def _study(study: StudyOverhead) -> Table:
    columns = ("trials", "cells", "at a time", "s in all", "overhead s/trial", "memory before", "early", "after")
    row = (
        f"{study.trials:,}",
        str(study.cells),
        str(study.concurrent_trials),
        f"{study.seconds:.1f}",
        f"{study.overhead_seconds:.3f}",
        *(_size(n_bytes) for n_bytes in (study.first_bytes, study.early_bytes, study.last_bytes)),
    )
    return Table(columns, (row,), f"study: trials of {study.queries} queries", _STUDY_NOTES, text_columns=0)


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
