from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest

from zostudy.config.task import SplitNames, TaskSpec
from zostudy.errors import DataError
from zostudy.tasks.loading import load_task

ROWS = [
    ("a1", "ham", "train"),
    ("a2", "ham", "train"),
    ("a3", "spam", "train"),
    ("a4", "ham", "test"),
    ("a5", "spam", "test"),
    ("a6", "ham", "held"),
    ("a7", "spam", "held"),
]


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(rows: Any = ROWS, **columns: Any) -> Any:
        path = tmp_path / "data.csv"
        pd.DataFrame(rows, columns=["text", "label", "split"]).assign(**columns).to_csv(path, index=False)
        return str(path)

    return write


def relabelled(names: Any) -> list[tuple[str, Any, str]]:
    return [(text, names[label], split) for text, label, split in ROWS]


def refusal(**keys: Any) -> str:
    with pytest.raises(DataError) as error:
        load_task(TaskSpec(**keys))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_embedded_task() -> None:
    task = load_task(TaskSpec(name="reviews"))
    assert task.table.class_names == ("negative", "positive")
    assert set(task.table.splits) == {"train", "test"}
    assert task.wording("masked").template.source == "{text} It was {mask}."
    assert task.wording("masked").label_words == ("terrible", "great")
    assert task.wording("causal").template.source == "{text} It was {mask}"
    assert not task.truncate
    assert str(task.rows) == "9,000 rows: 9,000 used"


def test_a_file_of_ones_own(write: Callable[..., str]) -> None:
    task = load_task(
        TaskSpec(file=write(), template="{text} Is it {mask}", label_words=("fine", "junk"), truncate=True)
    )
    assert task.name == "custom"
    assert task.table.class_names == ("ham", "spam")
    assert {name: rows.tolist() for name, rows in task.table.splits.items()} == {
        "train": [0, 1, 2],
        "test": [3, 4],
    }
    assert str(task.rows) == "7 rows: 5 used, 2 of split 'held'"
    assert task.minority == (1,), "spam is rarer in train"
    assert task.truncate
    for head in ("masked", "causal"):
        assert task.wording(head).label_words == ("fine", "junk")
    with pytest.raises(DataError, match=r"leave {mask} out"):
        task.wording("encoder")


def test_class_names_serve_as_label_words(write: Callable[..., str]) -> None:
    task = load_task(TaskSpec(file=write(), template="{text} It is {mask}"))
    assert task.wording("masked").label_words == ("ham", "spam")


def test_an_encoder_needs_no_words(write: Callable[..., str]) -> None:
    task = load_task(TaskSpec(file=write()))
    assert task.wording("encoder").template.render("a text") == ("a text", "")
    assert task.wording("encoder").label_words == ("ham", "spam")
    with pytest.raises(DataError, match=r"no template for a masked model; give task.template$"):
        task.wording("masked")


def test_bare_numbers_are_no_label_words(write: Callable[..., str]) -> None:
    task = load_task(TaskSpec(file=write(relabelled({"ham": 0, "spam": 1})), template="{text} It is {mask}"))
    with pytest.raises(DataError, match=r"give task.template and task.label_words"):
        task.wording("masked")


def test_splits_are_named(write: Callable[..., str]) -> None:
    task = load_task(TaskSpec(file=write(), splits=SplitNames(train="train", dev="test", test="held")))
    splits = {name: rows.tolist() for name, rows in task.table.splits.items()}
    assert splits == {"train": [0, 1, 2], "dev": [3, 4], "test": [5, 6]}


def test_a_file_without_splits_says_how_it_was_split(tmp_path: Path) -> None:
    rows = {"text": [f"text {number}" for number in range(100)], "label": ["ham", "spam"] * 50}
    pd.DataFrame(rows).to_parquet(tmp_path / "data.parquet")
    task = load_task(TaskSpec(file=str(tmp_path / "data.parquet")))
    assert sorted(np.concatenate([task.table.splits["train"], task.table.splits["test"]])) == list(range(100))
    assert "SHA-256" in task.notes[0]


@pytest.mark.parametrize(
    "names", [{"ham": "Negative", "spam": "POSITIVE"}, {"ham": "neg", "spam": "pos"}, {"ham": 1, "spam": 2}]
)
def test_a_well_known_task_from_a_file_keeps_its_own_names_and_words(write: Callable[..., str], names: Any) -> None:
    task = load_task(TaskSpec(name="mr", file=write(relabelled(names)), minority="positive"))
    assert task.table.class_names == ("negative", "positive")
    assert task.table.labels.tolist() == [0, 0, 1, 0, 1, 0, 1]
    assert task.minority == (1,)
    assert task.wording("masked").label_words == ("terrible", "great")


@pytest.mark.parametrize("names", [("positive", "negative"), ("Negative", "Positive")])
def test_the_words_of_a_well_known_task_follow_the_names_of_its_classes(write: Callable[..., str], names: Any) -> None:
    rows = [(text, {"ham": 0, "spam": 1}[label], split) for text, label, split in ROWS]
    file = write(rows, label_name=[names[label] for _, label, _ in rows])
    task = load_task(TaskSpec(name="sst2", file=file))
    named = [task.table.class_names[label] for label in task.table.labels]
    assert named == [names[label].lower() for _, label, _ in rows]
    assert task.wording("masked").label_words == ("terrible", "great")
    assert task.notes == ()


def test_bare_numbers_of_a_well_known_task_are_taken_in_its_order_with_a_note(write: Callable[..., str]) -> None:
    for numbers in ({"ham": 1, "spam": 2}, {"ham": "0.0", "spam": "1.0"}):
        task = load_task(TaskSpec(name="sst2", file=write(relabelled(numbers))))
        assert task.table.labels.tolist() == [0, 0, 1, 0, 1, 0, 1]
        low, high = numbers.values()
        order = f"{low} = negative, {high} = positive"
        assert task.notes == (f"labels that are numbers are taken as the classes of sst2 in their order: {order}",)


def test_a_well_known_tasks_classes_come_in_its_own_order(write: Callable[..., str]) -> None:
    task = load_task(TaskSpec(name="book", file=write(relabelled({"ham": "negative", "spam": "positive"}))))
    assert task.table.class_names == ("positive", "negative")
    assert task.table.labels.tolist() == [1, 1, 0, 1, 0, 1, 0]
    assert task.minority == (0,)


def test_the_study_overrides_what_is_known(write: Callable[..., str]) -> None:
    file = write(relabelled({"ham": "neg", "spam": "pos"}))
    words = load_task(TaskSpec(name="mr", file=file, label_words=("bad", "good")))
    assert words.wording("causal").label_words == ("bad", "good")
    assert words.wording("causal").template.source == "{text} It was {mask}"
    template = load_task(TaskSpec(name="mr", file=file, template="{text} A {mask} one."))
    assert template.wording("masked").template.source == "{text} A {mask} one."
    assert template.wording("masked").label_words == ("terrible", "great")


def test_other_classes_than_the_well_known_ones_need_words(write: Callable[..., str]) -> None:
    message = refusal(name="mr", file=write())
    assert "negative, positive" in message
    assert "ham, spam" in message
    task = load_task(TaskSpec(name="mr", file=write(), label_words=("fine", "junk"), minority="ham"))
    assert task.table.class_names == ("ham", "spam")
    assert task.minority == (0,)


@pytest.mark.parametrize(
    ("counts", "rarer"),
    [
        ((3, 5), (0,)),
        ((5, 3), (1,)),
        ((4, 4), (1,)),
        ((2, 9, 4), (0,)),
        ((7, 1, 7, 3), (1, 3)),
        ((5, 4, 3, 2, 1), (3, 4)),
    ],
)
def test_the_rarer_half_is_made_rare(write: Callable[..., str], counts: Any, rarer: Any) -> None:
    rows = [
        (f"{split} {label} {number}", f"class {label}", split)
        for split in ("train", "test")
        for label, count in enumerate(counts)
        for number in range(count if split == "train" else 2)
    ]
    assert load_task(TaskSpec(file=write(rows))).minority == rarer


def test_a_pair_task_needs_its_second_column(write: Callable[..., str]) -> None:
    labels = {"ham": "entailment", "spam": "not_entailment"}
    assert "name its column with task.second_text" in refusal(name="rte", file=write(relabelled(labels)))
    file = write(relabelled(labels), other=[f"b{number}" for number in range(len(ROWS))])
    task = load_task(TaskSpec(name="rte", file=file, second_text="other"))
    assert task.table.second_texts
    note = "no template has {second_text}: the model reads the first text of each pair alone"
    assert note not in task.notes
    one = load_task(TaskSpec(name="rte", file=file, second_text="other", template="{text} {mask}"))
    assert note in one.notes
    numbered = write(relabelled({"ham": 0, "spam": 1}), other="so")
    assert note not in load_task(TaskSpec(file=numbered, second_text="other")).notes, "it has no template at all yet"
    assert task.wording("masked").template.render(task.table.texts[0], task.table.second_texts[0]) == (
        "a1 ? ",
        " , b0",
    )


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"minority": "eggs"}, "task.minority: must be among the classes ham, spam, but got 'eggs'"),
        ({"minority": ("ham", "spam")}, "must leave another class"),
        ({"label_words": ("one", "two", "three")}, "got 3 for 2 classes; give one for each of ham, spam"),
        ({"template": "{text} {second_text} {mask}"}, "name its column with task.second_text"),
        ({"template": "no text {mask}"}, "{text} must occur once"),
        (
            {"splits": SplitNames(test="dev")},
            "must have the split 'dev', but its splits are held, test, train; set task.splits.test",
        ),
        ({"splits": SplitNames(test="train")}, "must name different splits"),
    ],
)
def test_refuses(write: Callable[..., str], keys: Any, reason: str) -> None:
    assert reason in refusal(file=write(), **keys)


def test_refuses_a_split_of_one_class(write: Callable[..., str]) -> None:
    rows = [row for row in ROWS if row[1:] != ("spam", "test")]
    message = refusal(file=write(rows))
    assert "split 'test' holds fewer than two classes; mend it or name another" in message


def test_a_file_too_small_to_be_split_is_told_what_to_add(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("text,label\na,ham\nb,spam\nc,ham\nd,spam\n")
    message = refusal(file=str(tmp_path / "data.csv"))
    assert "holds fewer than two classes; add rows, or a column that names each row's split" in message


@pytest.mark.parametrize("name", ["sst3", "mpqa"])
def test_refuses_a_name_without_data(name: str) -> None:
    message = refusal(name=name)
    assert f"task {name!r} has no data" in message
    assert "reviews, sst2" in message


def test_hub_data_sets_load_by_their_own_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load_dataset(hub: str, config: str | None, revision: str | None) -> Any:
        asked.append((hub, config, revision))
        features = datasets.Features(
            {
                "sentence": datasets.Value("string"),
                "label": datasets.ClassLabel(names=["negative", "positive"]),
            }
        )
        rows = {"sentence": ["dull", "fine", "good"], "label": [0, 1, 1]}
        part = datasets.Dataset.from_dict(rows, features)
        return datasets.DatasetDict(train=part, validation=part)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    for task in (TaskSpec(name="sst2"), TaskSpec(name="sst2", hub="stanfordnlp/sst2", revision="main")):
        loaded = load_task(task)
        assert loaded.table.texts == ("dull", "fine", "good") * 2
        assert loaded.table.labels.tolist() == [0, 1, 1] * 2
        assert loaded.table.labels.dtype == np.int32
        assert loaded.table.splits["test"].tolist() == [3, 4, 5]
    own = load_task(TaskSpec(hub="owner/own", text="sentence", splits=SplitNames(test="validation")))
    assert own.wording("encoder").label_words == ("negative", "positive")
    assert asked == [
        ("stanfordnlp/sst2", None, None),
        ("stanfordnlp/sst2", None, "main"),
        ("owner/own", None, None),
    ]


def test_a_class_label_keeps_its_order_from_the_hub_and_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["ok", "broken"])}
    )
    hub = tmp_path / "hub"
    (hub / "data").mkdir(parents=True)
    for split in ("train", "test", "extra"):
        rows = {"text": [f"{split} {number}" for number in range(4)], "label": [0, 1, 0, -1]}
        datasets.Dataset.from_dict(rows, features).to_parquet(hub / f"data/{split}-00000-of-00001.parquet")
    words: dict[str, Any] = {"template": "{text} It is {mask}", "label_words": ("great", "terrible")}
    task = load_task(TaskSpec(hub=str(hub), **words))
    assert task.table.class_names == ("ok", "broken")
    assert task.table.labels.tolist() == [0, 1, 0] * 2
    assert str(task.rows) == "12 rows: 6 used, 2 without a label, 4 of split 'extra'"
    rows = {"text": list("abcdefgh"), "label": [0, 1, 0, -1] * 2, "split": ["train"] * 4 + ["test"] * 4}
    columns = features | {"split": datasets.Value("string")}
    datasets.Dataset.from_dict(rows, datasets.Features(columns)).to_parquet(tmp_path / "data.parquet")
    task = load_task(TaskSpec(file=str(tmp_path / "data.parquet"), **words))
    assert task.table.class_names == ("ok", "broken")
    assert str(task.rows) == "8 rows: 6 used, 2 without a label"


@pytest.mark.parametrize("most", [1, 2, 7, 100, 199])
def test_fewer_rows_of_test_keep_the_classes_in_proportion(write: Callable[..., str], most: int) -> None:
    rows = [(f"text {n}", "ham" if n % 10 else "spam", "test" if n < 200 else "train") for n in range(260)]
    path = write(rows)
    whole, part = load_task(TaskSpec(file=path)), load_task(TaskSpec(file=path, test_rows=most))
    kept = part.table.splits["test"]
    assert set(kept) < set(whole.table.splits["test"])
    assert np.bincount(part.table.labels[kept]).tolist() == [max(1, 180 * most // 200), max(1, 20 * most // 200)]
    assert str(part.rows) == f"260 rows: {60 + len(kept)} used, {200 - len(kept)} of test (task.test_rows)"
    np.testing.assert_array_equal(part.table.splits["train"], whole.table.splits["train"])
    np.testing.assert_array_equal(kept, load_task(TaskSpec(file=path, test_rows=most)).table.splits["test"])
    assert most < 100 or set(kept) != set(range(len(kept)))  # not the first ones


def test_as_many_rows_of_test_as_there_are_or_more_change_nothing(write: Callable[..., str]) -> None:
    path = write()
    task = load_task(TaskSpec(file=path, test_rows=2))
    assert task.rows == load_task(TaskSpec(file=path)).rows
    assert len(task.table.splits["test"]) == 2
