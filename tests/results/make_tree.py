"""Writes a results tree of any size, to time reading it: ``python tests/results/make_tree.py DIR``."""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from zostudy.results.finished_trials import MERGED
from zostudy.results.parquet import write_table
from zostudy.results.schema import METRICS, SCHEMAS, TEST_METRICS
from zostudy.results.storage import Storage
from zostudy.results.study_file import STUDY_FILE

METHODS, RATIOS = ("bpt-fzg", "spsa", "untuned", "zosa"), (1.0, 10.0, 50.0, 100.0, 200.0)
NOON = datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.UTC)


def make_tree(
    root: Path, studies: int = 200, trials: int = 100, steps: int = 500, scored: int = 100, confirm: int = 3
) -> None:
    """Writes merged studies, each of a model of its own, all cells of equal size.

    Args:
        root: the folder.
        studies: how many.
        trials: of each study, in 20 cells.
        steps: rows of ``history`` a trial.
        scored: rows of ``scores`` a trial.
        confirm: confirm trials of each cell, as far as there are trials; the others are of search.
    """
    for number in range(studies):
        storage = Storage.at(root / f"study-{number:04d}")
        rows = _trials(storage.name, trials, number, confirm)
        for table, columns in {"history": _history(rows, steps), "scores": _scores(rows, scored)}.items():
            (storage / table).make()
            write_table(pa.table(columns, SCHEMAS[table]), storage / table, MERGED)
        (storage / "trials").make()
        write_table(pa.Table.from_pylist(rows, SCHEMAS["trials"]), storage / "trials", MERGED)
        storage.write(STUDY_FILE, yaml.safe_dump(_study(storage.name, number)).encode())


def _study(name: str, seed: int) -> dict[str, Any]:
    space = {"subspace_dim": {"choice": [50, 200]}, "perturbation_radius": {"low": 0.01, "high": 1.0, "log": True}}
    return {"name": name, "model": {"name": name}, "methods": [*METHODS], "search": {"space": space}, "seed": seed}


def _trials(study: str, n: int, seed: int, confirm: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(seed)
    cells = [(method, ratio) for method in METHODS for ratio in RATIOS]
    settings = {
        cell: {"subspace_dim": int(random.choice([50, 200])), "perturbation_radius": 10 ** random.uniform(-2, 0)}
        for cell in cells
    }
    rows = []
    for number, (method, ratio) in zip(range(n), cells * (n // len(cells) + 1), strict=False):
        replicate = number // len(cells)
        stage = "confirm" if replicate < confirm else "search"
        columns = [*(f"dev_{metric}" for metric in METRICS), *(f"test_{metric}" for metric in TEST_METRICS)]
        scores = {column: float(random.random()) for column in columns}
        params = settings[method, ratio]
        rows.append(
            {
                **scores,
                **params,
                "study": study,
                "cell": f"{method}-r{ratio:g}",
                "trial": f"{method}-r{ratio:g}-{stage}-{replicate:03d}",
                "stage": stage,
                "number": replicate,
                "method": method,
                "algorithm": method,
                "model": study,
                "task": "reviews",
                "imbalance_ratio": ratio,
                "n_minority": 20,
                "n_majority": int(20 * ratio),
                "seed": replicate,
                "budget": 3000,
                "batch_size": 32,
                "objective": "auc" if method == "bpt-fzg" else "cross-entropy",
                "margin": 1.0,
                "params": json.dumps(params),
                "queries": 0 if method == "untuned" else 3000,
                "examples": 0 if method == "untuned" else 96000,
                "evaluation_examples": 500,
                "wall_seconds": 2.5,
                "replica_seconds": 1.5,
                "status": "complete",
                "latent": random.random(200, dtype=np.float32),
                "versions": json.dumps({"zostudy": "0.1.0"}),
                "started_at": NOON,
                "finished_at": NOON,
            }
        )
    return sorted(rows, key=lambda row: str(row["trial"]))


def _names(rows: list[dict[str, Any]], repeats: int) -> dict[str, Any]:
    return {name: np.repeat([row[name] for row in rows], repeats) for name in ("study", "cell", "trial")}


def _history(rows: list[dict[str, Any]], steps: int) -> dict[str, Any]:
    random, n = np.random.default_rng(0), steps * len(rows)
    step = np.tile(np.arange(steps), len(rows))
    noise = {name: random.random(n) for name in ("loss", "loss_spread", "gradient_norm", "latent_norm")}
    on_dev = {
        name: pa.array(random.random(n), mask=step % 10 > 0)
        for name in ("dev_auc", "dev_balanced_accuracy", "dev_minority_recall")
    }
    scalars = np.repeat([3 if row["objective"] == "auc" else 0 for row in rows], steps)
    offsets, n_scalars = np.concatenate([[0], np.cumsum(scalars)]), int(scalars.sum())
    auxiliary = pa.MapArray.from_arrays(
        pa.array(offsets, pa.int32()), pa.array(np.tile(["a", "b", "alpha"], n_scalars // 3)), random.random(n_scalars)
    )
    return {
        **_names(rows, steps),
        "step": step,
        "queries": step * 6,
        "examples": step * 192,
        **noise,
        **on_dev,
        "auxiliary": auxiliary,
    }


def _scores(rows: list[dict[str, Any]], scored: int) -> dict[str, Any]:
    n = scored * len(rows)
    logits = pa.array(np.random.default_rng(1).random(2 * n, dtype=np.float32))
    return {
        **_names(rows, scored),
        "split": np.where(np.arange(n) % 2, "test", "dev"),
        "row": np.tile(np.arange(scored), len(rows)),
        "label": (np.arange(n) // 2 % 2).astype(np.int32),
        "scores": pa.ListArray.from_arrays(pa.array(np.arange(n + 1) * 2, pa.int32()), logits),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    for option in ("studies", "trials", "steps", "scored", "confirm"):
        parser.add_argument(f"--{option}", type=int)
    given = vars(parser.parse_args())
    make_tree(given.pop("root"), **{key: value for key, value in given.items() if value is not None})
