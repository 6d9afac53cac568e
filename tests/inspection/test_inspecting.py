from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pandas as pd
import pytest

import zostudy
from zostudy.errors import DataError
from zostudy.inspection.texts import lengths_of

WriteData: TypeAlias = Callable[..., Path]


def test_classes_are_counted_as_a_study_would_use_them(mail: Path) -> None:
    found = zostudy.inspect(mail)
    ham, spam = found.classes
    assert (ham.name, ham.rows, ham.rare) == ("ham", 96, False)
    assert (spam.name, spam.rows, spam.rare) == ("spam", 24, True)
    assert all(each.candidates + each.test == each.rows for each in found.classes)
    assert found.natural_ratio == round(ham.candidates / spam.candidates, 2)
    assert {each.name: each.use for each in found.columns} == {"id": "-", "kind": "label", "body": "text"}
    assert (found.task.text, found.task.label, found.task.name) == ("body", "kind", "mail")
    assert found.repeats.repeated_rows == found.repeats.contradictions == 0


def test_repeats_and_contradictions_are_found(write_data: WriteData) -> None:
    texts = [("same", "x"), ("same", "y"), ("other", "x"), ("other", "x"), ("third", "y"), ("same", "x")]
    fillers = [(f"text {number}", "xy"[number % 2]) for number in range(40)]
    inspection = zostudy.inspect(write_data(("text", "label"), [*texts, *fillers]))
    found = inspection.repeats
    assert (found.repeated_rows, found.contradictions, found.example) == (3, 1, (1, 2))
    assert "; 1 text has different labels (rows 1 and 2, for example)" in repr(inspection)


@pytest.mark.parametrize(("labels", "use"), [("01", "label names"), (("no", "yes"), "-")])
def test_a_column_that_names_the_numbers_is_told(write_data: WriteData, labels: str, use: str) -> None:
    rows = [(f"text {number}", labels[number % 2], ("ham", "spam")[number % 2]) for number in range(40)]
    found = zostudy.inspect(write_data(("text", "label", "label_name"), rows))
    assert [each.use for each in found.columns] == ["text", "label", use]
    assert [each.name for each in found.classes] == (["ham", "spam"] if use != "-" else ["no", "yes"])


def test_lengths_are_quantiles_that_occur() -> None:
    found = lengths_of("words", list(range(1, 101)))
    assert (found.median, found.most, found.longest, found.mean) == (51, 96, 100, 50.5)
    assert str(lengths_of("tokens", [3])) == "tokens: median 3, 95% up to 3, longest 3"


@pytest.mark.parametrize(("model", "end"), [("mini-roberta", "{mask}."), ("mini-gpt2", "{mask}")])
def test_a_model_gives_tokens_and_label_words_that_it_can_answer_with(mail: Path, model: str, end: str) -> None:
    from zostudy.config.model import ModelSpec
    from zostudy.lm.finding import find_model
    from zostudy.lm.label_words import label_token_ids
    from zostudy.lm.tokenizer import load_tokenizer

    found = zostudy.inspect(mail, model).model
    assert found is not None
    wording = found.draft.wording
    assert wording.template.source.endswith(end)
    tokenizer = load_tokenizer(find_model(ModelSpec(name=model)))
    before = wording.template.render("a text:")[0]
    ids, _ = label_token_ids(tokenizer, before, wording.label_words)
    assert len(set(ids.tolist())) == 2
    for words in found.draft.nearest:
        assert 1 <= len(words) <= 5
        assert all(label_token_ids(tokenizer, before, [word])[0].size == 1 for word in words)


def test_texts_that_would_be_cut_are_counted(write_data: WriteData) -> None:
    long = "so very long " * 200
    rows = [(f"{long}{number}" if number < 3 else f"short {number}", "xy"[number % 2]) for number in range(60)]
    path = write_data(("text", "label"), rows)
    found = zostudy.inspect(path, "mini-roberta")
    assert found.model is not None
    assert found.model.too_long == 3
    assert found.lengths[0].unit == "tokens"
    assert found.lengths[0].longest > found.model.max_tokens
    assert ": 3 texts are longer and would be cut\n" in repr(found)
    one = write_data(("text", "label"), rows[2:])
    assert ": 1 text is longer and would be cut\n" in repr(zostudy.inspect(one, "mini-roberta"))


def test_a_well_known_name_brings_its_words_only_where_the_classes_are_its_own(write_data: WriteData) -> None:
    rows = [(f"text {number}", ("negative", "positive")[number % 2]) for number in range(40)]
    known = zostudy.inspect(write_data(("text", "label"), rows, "sst2.csv"), "mini-roberta")
    assert known.model is not None
    assert known.task.name == "sst2"
    assert known.model.draft.wording.label_words == ("terrible", "great")
    others = [(text, f"own {label}") for text, label in rows]
    assert zostudy.inspect(write_data(("text", "label"), others, "sst2.csv")).task.name == "sst2-data"


def test_as_json_it_is_all_there(mail: Path) -> None:
    facts = json.loads(json.dumps(zostudy.inspect(mail, "mini-roberta").as_dict()))
    assert [each["name"] for each in facts["classes"]] == ["ham", "spam"]
    assert facts["task"]["label"] == "kind"
    assert len(facts["model"]["label_words"]) == len(facts["model"]["nearest_words"]) == 2
    assert zostudy.inspect(mail).as_dict()["model"] is None


def test_it_fits_one_screen(mail: Path) -> None:
    text = repr(zostudy.inspect(mail, "mini-roberta"))
    assert len(text.splitlines()) <= 24
    assert max(map(len, text.splitlines())) <= 120
    for part in (
        "ham",
        "spam",
        "natural ratio",
        "tokens: median",
        "template: ",
        "no text is longer",
        "repeats: 0 rows",
    ):
        assert part in text


def test_a_file_that_is_not_there_is_one_line_with_a_near_name(mail: Path) -> None:
    with pytest.raises(DataError, match=r"a file of texts and labels, but it does not exist; did you mean .*/mail.csv"):
        zostudy.inspect(mail.with_name("mial.csv"))
    mail.with_name("bare.csv").write_text("text,label\n")
    with pytest.raises(DataError, match="must hold rows, but it has only column names"):
        zostudy.inspect(mail.with_name("bare.csv"))
    with pytest.raises(DataError, match="it is a folder"):
        zostudy.inspect(mail.parent)
    unreadable = mail.rename(mail.with_name("mail\udcff.csv"))
    with pytest.raises(DataError, match=r"a name that is text, but is not UTF-8; give another one"):
        zostudy.inspect(unreadable)
    unreadable.rename(mail)
    with pytest.raises(DataError, match=r"must have the column 'boddy', .*; did you mean body"):
        zostudy.inspect(mail, text="boddy")


def test_real_data_is_read_without_a_hint(shared_dir: Path) -> None:
    found = zostudy.inspect(shared_dir / "data" / "sms_spam.parquet")
    assert [each.name for each in found.classes if each.rare] == ["spam"]
    assert found.natural_ratio > 5
    pair = zostudy.inspect(shared_dir / "data" / "rte.parquet")
    assert (pair.task.text, pair.task.second_text) == ("text", "text_b")


def test_categories_are_labels_in_their_order(tmp_path: Path) -> None:
    order = ["poor", "good"]
    table = pd.DataFrame({"text": [f"text {n}" for n in range(40)], "label": [order[n % 2] for n in range(40)]})
    for name, ordered, expected in (("ordered", True, order), ("plain", False, sorted(order))):
        table["label"] = pd.Categorical(table["label"], categories=order, ordered=ordered)
        table.to_parquet(tmp_path / f"{name}.parquet")
        assert [each.name for each in zostudy.inspect(tmp_path / f"{name}.parquet").classes] == expected


def test_a_folder_is_no_file_of_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "data.parquet").mkdir()
    with pytest.raises(DataError, match="but it is a folder; name a CSV, TSV, JSON or Parquet file"):
        zostudy.inspect(tmp_path / "data.parquet")
