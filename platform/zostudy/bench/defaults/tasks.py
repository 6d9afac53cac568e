"""The development tasks, with a split that judges in place of test.

A kept point is the best of several looks at dev, so its dev AUC is never below that of the start. Whether a default
does harm shows only on rows that selected nothing. Test must not serve for that: a default chosen there would be fitted
to it. So test is dropped whole, before anything is tokenised, and some rows of train take its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zostudy.config.imbalance import ImbalanceSpec
from zostudy.config.known import EMBEDDED_MODELS, EMBEDDED_TASK
from zostudy.config.space import with_default_space
from zostudy.config.study import StudySpec
from zostudy.randomness import generator
from zostudy.ratios import NATURAL
from zostudy.tasks.imbalance import draw
from zostudy.tasks.loading import Task

JUDGING_SIZE = 300
LARGEST_SHARE = 0.5
JUDGED_SEEDS = tuple(range(10))
SEARCH_SEED = 10

TUNED = ("bpt-fzg", "spsa", "fzoo", "zosa", "cma-es")
METHODS = ("untuned", "random-search", *TUNED)
COMPOSITIONS = ("cma-es-spsa", "zo-adamm", "r-adazo", "mezo-momentum", "sabo", "zosa-auc", "bpt-fzg-sam")
"""Methods whose defaults are those of the parts that they are made of, or of their papers."""


@dataclass(frozen=True)
class DevelopmentTask:
    """A task on which defaults are chosen.

    Attributes:
        name: in tables and results.
        model: its name.
        task: the section ``task`` of a study. Its ``file`` is the name of a file in the folder of data.
        ratios: the imbalance ratios that the data allows.
        batch_size: examples of a query.
        dtype: of the matrix products.
    """

    name: str
    model: str
    task: Mapping[str, Any] = field(default_factory=lambda: {"name": EMBEDDED_TASK})
    ratios: tuple[float, ...] = (10.0, 50.0)
    batch_size: int = 32
    dtype: Literal["float32", "bfloat16"] = "float32"

    def study(
        self, queries: int, evaluations: int = 5, search_trials: int = 1, folder: Path | None = None
    ) -> StudySpec:
        """Returns the study of all methods on this task, each with its default search space.

        Args:
            queries: budget of a trial.
            evaluations: looks at dev.
            search_trials: of a search.
            folder: of the data files; without it the study can be planned but not prepared.
        """
        file = {"file": str((folder or Path()) / self.task["file"])} if "file" in self.task else {}
        spec = StudySpec.model_validate(
            {
                "name": self.name,
                "model": {"name": self.model, "dtype": self.dtype},
                "task": {**self.task, **file},
                "imbalance": {"ratios": self.ratios},
                "methods": tuple({"label": name, "algorithm": name} for name in (*METHODS, *COMPOSITIONS)),
                "budget": {"queries": queries, "batch_size": self.batch_size, "evaluations": evaluations},
                "search": {"trials": search_trials},
                "confirm": {"seeds": len(JUDGED_SEEDS) + 1, "landscape": False},
            }
        )
        return with_default_space(spec)


def _minilm(name: str, file: str, ratios: tuple[float, ...] = (10.0, 50.0), **task: Any) -> DevelopmentTask:
    """Returns a task whose trials cost what those of a study by ``zostudy init`` cost."""
    section = {"name": name, "file": f"{file}.parquet", "label": "label_name", **task}
    return DevelopmentTask(f"minilm-{name}", "minilm", section, ratios, batch_size=8, dtype="bfloat16")


TASKS = {
    task.name: task
    for task in (
        *(DevelopmentTask(model, model) for model in EMBEDDED_MODELS),
        _minilm("mpqa", "mpqa"),
        _minilm("sms", "sms_spam", template="{text}", label_words=("An ordinary message.", "Spam."), truncate=True),
        _minilm("cr", "cr", (10.0,), truncate=True),  # too few rows for 50
        _minilm("sst2", "sst2", truncate=True),
        _minilm("subj", "subj", truncate=True),
    )
}


def without_test(task: Task) -> Task:
    """Returns a task whose split ``test`` holds rows of train, and whose ``train`` holds the other ones.

    The rows that judge are the same for all ratios and seeds: the same number of each class, drawn from the candidates
    of train. No text of the true test split is in either.
    """
    table = task.table
    whole = ImbalanceSpec(minority_size="all", dev_minority_size=1)
    drawn = draw(table, task.minority, whole, NATURAL, 0)
    candidates = np.sort(np.concatenate([drawn.train_rows, drawn.dev_rows]))
    by_class = [candidates[table.labels[candidates] == label] for label in range(table.n_classes)]
    size = min(JUDGING_SIZE, int(LARGEST_SHARE * min(map(len, by_class))))
    judging = np.concatenate(
        [generator(0, "judging", label).permutation(rows)[:size] for label, rows in enumerate(by_class)]
    )
    splits = {"train": np.setdiff1d(candidates, judging).astype(np.int64), "test": np.sort(judging).astype(np.int64)}
    return replace(task, table=replace(table, splits=splits))
