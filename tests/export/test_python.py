"""``zostudy.export`` and ``zostudy.predict``, as Python code uses them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import zostudy
from zostudy.errors import DataError, ResultsError
from zostudy.export.manifest import read_manifest


def test_an_exported_prompt_labels_files_and_lists(exported_study: Callable[[str], Any], tmp_path: Path) -> None:
    exported = exported_study("mini-gpt2")
    folder = zostudy.export(exported.results, "best", tmp_path / "prompt")
    assert folder == tmp_path / "prompt"
    assert read_manifest(folder) == read_manifest(exported.folder)

    of_file = zostudy.predict(folder, exported.texts)
    texts = pd.read_csv(exported.texts)
    pd.testing.assert_frame_equal(of_file[texts.columns], texts)
    of_list = zostudy.predict(folder, texts["body"].tolist())
    pd.testing.assert_frame_equal(of_list, of_file.drop(columns=["other", "label", "split"]))


def test_a_list_that_is_not_of_texts_is_refused(exported_study: Callable[[str], Any]) -> None:
    with pytest.raises(DataError, match="`texts`: task 'custom' needs two texts a row, but got a list of texts"):
        zostudy.predict(exported_study("pairs").folder, ["one"])
    folder = exported_study("mini-gpt2").folder
    refused: list[Any] = [[], ["good", " "], ["good", 3], ["good", "\ud800"], 3, None]
    for texts in refused:
        with pytest.raises(DataError, match="`texts`: must be a file, or texts in Unicode of which none is empty"):
            zostudy.predict(folder, texts)


def test_an_export_replaces_no_other_folder(exported_study: Callable[[str], Any], tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ResultsError, match=r"holds thesis\.txt"):
        zostudy.export(exported_study("mini-gpt2").results, "best", tmp_path)
