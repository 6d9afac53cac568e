"""A benchmark's report as tables for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from zostudy.bench.report import (
    MemoryUse,
    ModelSpeed,
    PoolSpeed,
    QuerySpeed,
    Report,
    ScaleEfficiency,
    SearchGrowth,
    Speed,
    StudyOverhead,
)
from zostudy.results.table_formats import Table
from zostudy.wording import counted

_MODELS_NOTE = "tokens: of a text in its template, mean (most). peak memory: with all evaluators of the model loaded."
_EVALUATOR_NOTES = (
    "s/query: median of the rounds (fastest-slowest). ratio: queries/s over those of the reference, which is "
    "transformers' own model in float32, one prompt at a time, with padding, with logits of the whole vocabulary. "
    "careful: the reference's loop in bfloat16, with logits at the answer's position alone.",
    "tokens/s: of texts and prompts without padding; an evaluator may skip some of them. difference: the largest "
    "absolute difference from the reference's scores.",
    "GFLOP/s: of the matrix products that zostudy computes; a multiply-add counts as two. of matrix: this rate over "
    "the best rate of one large matrix product in the same dtype and the same rounds.",
)
_POOL_NOTE = (
    "float32, each replica with one thread. A unit is a part of a step that one replica scores. The bare evaluator "
    "scores a step in this process as one unit."
)
_SCALE_NOTE = "The replicas sleep and compute nothing. The efficiency that is missing to 1 is the cost of the pool."
_MEMORY_NOTE = (
    "float32, after each replica has scored one query. together: the private pages of all replicas, and once the "
    "shared pages of the largest one. The driver and Ray's own processes are not counted."
)
_STUDY_NOTE = (
    "The scorer is a fake that sleeps, so this measures the driver alone. overhead: seconds of the study without the "
    "scorer's sleep, per trial. Ray, Tune, Optuna and the ledger are real; the start of the trials' processes counts."
)

_GROWTH_NOTE = (
    "The scorer is a fake, so this measures the driver alone: its processor seconds, the median of the latest trials. "
    "in all: of all trials up to then. Optuna's sampler reads all earlier trials for each proposal."
)

_QUERY_NOTE = (
    "Processor seconds of one process for the dev curve of each cell, medians. plain DuckDB reads the same files and "
    "checks nothing. zostudy checks that no trial's rows are lost, doubled or changed."
)


def report_tables(report: Report) -> list[Table]:
    """Returns the machine, then a table for each section that was measured."""
    sections: list[tuple[Any, Callable[[Any], Table]]] = [
        (report.evaluator, _models),
        (report.evaluator, _evaluator),
        (report.pool, _pool),
        (report.scale, _scale),
        (report.memory, _memory),
        (report.study, _study),
        (report.growth, _growth),
        (report.query, _query),
    ]
    return [_machine(report), *(table(measured) for measured, table in sections if measured)]


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


def _models(models: Sequence[ModelSpeed]) -> Table:
    rows = [
        {
            "model": model.model,
            "weights": model.weights,
            "parameters": f"{model.parameters / 1e6:.3g}M",
            "queries x texts": f"{model.queries} x {model.batch}",
            "tokens (most)": f"{model.mean_tokens:.1f} ({model.most_tokens})",
            "prompt tokens": str(model.prompt_tokens),
            "peak memory": _size(model.peak_bytes),
        }
        for model in models
    ]
    return _table(rows, "models", _MODELS_NOTE, text_columns=2)


def _evaluator(models: Sequence[ModelSpeed]) -> Table:
    rows = [{"model": model.model, **_speed(speed)} for model in models for speed in model.speeds]
    return _table(rows, "evaluator", *_EVALUATOR_NOTES, text_columns=2)


def _speed(speed: Speed) -> dict[str, str]:
    return {
        "evaluator": speed.evaluator,
        "s/query": f"{speed.seconds:.3g} ({speed.seconds_least:.3g}-{speed.seconds_most:.3g})",
        "queries/s": f"{speed.queries_per_second:.3g}",
        "ratio": f"{speed.ratio:.2f}",
        "tokens/s": f"{speed.tokens_per_second:,.0f}",
        "GFLOP/s": "-" if speed.flops_per_second is None else f"{speed.flops_per_second / 1e9:,.0f}",
        "of matrix": "-" if speed.share_of_matrix_rate is None else f"{speed.share_of_matrix_rate:.0%}",
        "difference": "-" if speed.evaluator == "reference" else f"{speed.difference:.1e}",
    }


def _pool(speeds: Sequence[PoolSpeed]) -> Table:
    rows = [
        {
            "scored by": f"{counted(speed.replicas, 'replica')} behind Ray" if speed.replicas else "bare evaluator",
            "units": str(speed.units),
            "s/unit": f"{speed.unit_seconds:.3f}",
            "s/step": f"{speed.step_seconds:.3f}",
            "driver s/step": "-" if speed.driver_seconds is None else f"{speed.driver_seconds:.3f}",
            "queries/s": f"{speed.queries_per_second:,.1f}",
            "over bare": f"{speed.over_bare:.3f}",
            "over one replica": f"{speed.over_one_replica:.3f}" if speed.replicas else "-",
        }
        for speed in speeds
    ]
    return _table(rows, f"pool: {speeds[0].model}", _POOL_NOTE, text_columns=1)


def _scale(points: Sequence[ScaleEfficiency]) -> Table:
    rows = [
        {
            "sleeping replicas": str(point.replicas),
            "units": str(point.units),
            "s/step": f"{point.step_seconds:.3f}",
            "driver s/step": f"{point.driver_seconds:.3f}",
            "efficiency": f"{point.efficiency:.3f}",
        }
        for point in points
    ]
    return _table(rows, f"scale: units of {points[0].unit_seconds * 1000:.0f} ms", _SCALE_NOTE)


def _memory(uses: Sequence[MemoryUse]) -> Table:
    rows = [
        {
            "replicas": str(use.replicas),
            "resident": _size(use.resident_bytes),
            "proportional": _size(use.proportional_bytes),
            "shared": _size(use.shared_bytes),
            "private": _size(use.private_bytes),
            "together": _size(use.total_bytes),
            "over one replica": f"{use.over_one_replica:.2f}",
        }
        for use in uses
    ]
    return _table(rows, f"memory: {uses[0].model}, weights of {_size(uses[0].weights_bytes)}", _MEMORY_NOTE)


def _study(study: StudyOverhead) -> Table:
    row = {
        "trials": f"{study.trials:,}",
        "cells": str(study.cells),
        "at a time": str(study.concurrent_trials),
        "s in all": f"{study.seconds:.1f}",
        "overhead s/trial": f"{study.overhead_seconds:.3f}",
        "memory before": _size(study.first_bytes),
        "early": _size(study.early_bytes),
        "after": _size(study.last_bytes),
    }
    return _table([row], f"study: trials of {study.queries} queries", _STUDY_NOTE)


def _growth(points: Sequence[SearchGrowth]) -> Table:
    rows = [
        {
            "trials of a cell": f"{point.trials:,}",
            "proposal s/trial": f"{point.proposal_seconds:.4f}",
            "driver s/trial": f"{point.driver_seconds:.4f}",
            "driver s in all": f"{point.total_seconds:,.1f}",
        }
        for point in points
    ]
    return _table(rows, "growth: one search", _GROWTH_NOTE)


def _query(speeds: Sequence[QuerySpeed]) -> Table:
    rows = [
        {
            "studies": str(speed.studies),
            "trials": f"{speed.trials:,}",
            "rows": f"{speed.rows:,}",
            "plain DuckDB s": f"{speed.plain_seconds:.3f}",
            "zostudy s": f"{speed.zostudy_seconds:.3f}",
            "over plain": f"{speed.zostudy_seconds / speed.plain_seconds:.2f}",
        }
        for speed in speeds
    ]
    return _table(rows, "query: history", _QUERY_NOTE)


def _table(rows: Sequence[dict[str, str]], title: str, *notes: str, text_columns: int = 0) -> Table:
    return Table(tuple(rows[0]), tuple(tuple(row.values()) for row in rows), title, notes, text_columns)


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
