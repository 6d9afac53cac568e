from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from zostudy.config.imbalance import ImbalanceSpec
from zostudy.config.task import SplitNames, TaskSpec
from zostudy.tasks.imbalance import draw
from zostudy.tasks.loading import load_task

SINGLE = ["sst2", "sst5", "mr", "cr", "mpqa", "subj", "trec", "ag_news", "dbpedia"]
PAIRS = ["rte", "mrpc", "qnli", "qqp", "snli"]
OWN = ["sms_spam", "hate_speech_offensive", "tweet_emotion", "tweet_offensive", "banking77"]


def keys(name: str) -> dict[str, Any]:
    if name in PAIRS:
        return {"name": name, "second_text": "text_b"}
    if name == "cola":
        return {"name": name, "splits": SplitNames(test="dev")}
    return {} if name in OWN else {"name": name}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SINGLE, *PAIRS, *OWN, "cola"])
def test_real_files_load_and_are_drawn_from(shared_dir: Path, name: str) -> None:
    file = shared_dir / "data" / f"{name}.parquet"
    frame = pd.read_parquet(file)
    task = load_task(TaskSpec(file=str(file), **keys(name)))
    table = task.table
    known_names = [task.table.class_names[label] for label in table.labels]
    renamed = dict(zip(frame["label_name"], known_names, strict=True))
    assert [renamed[own] for own in frame["label_name"]] == known_names, "labels and names stay together"
    assert len(set(renamed.values())) == len(renamed) == table.n_classes
    drawn = draw(table, task.minority, ImbalanceSpec(minority_size=4), 2, seed=0)
    assert sum(drawn.train_counts) == len(drawn.train_rows)
    assert drawn.test_rows.tolist() == table.splits["test"].tolist()


def test_repeats_are_counted_as_the_data_says(shared_dir: Path) -> None:
    table = load_task(TaskSpec(name="mpqa", file=str(shared_dir / "data" / "mpqa.parquet"))).table
    frame = pd.read_parquet(shared_dir / "data" / "mpqa.parquet")
    test = set(frame.text[frame.split == "test"])
    usable = frame[(frame.split == "train") & ~frame.text.isin(test)].drop_duplicates("text")
    drawn = draw(table, (1,), ImbalanceSpec(minority_size=5), 3, seed=1)
    assert drawn.left_out == (frame.split == "train").sum() - len(usable)


def test_naturally_rare_classes_are_found(shared_dir: Path) -> None:
    task = load_task(TaskSpec(file=str(shared_dir / "data" / "sms_spam.parquet")))
    assert [task.table.class_names[label] for label in task.minority] == ["spam"]
