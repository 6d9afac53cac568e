"""Reading results back as data frames, also while a study runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from zostudy.errors import ResultsError
from zostudy.results.files import read_table
from zostudy.results.schema import SCHEMAS


def load_results(path: str | PathLike[str] | Sequence[str | PathLike[str]]) -> Results:
    """Returns the finished trials of one study or of several, failed ones among them.

    Args:
        path: a study's results folder, a folder of such folders, or several of either.

    Raises:
        ResultsError: a folder is missing, holds no finished trial or a study that another one holds too, or a
            file in it is not ours.
    """
    paths = [path] if isinstance(path, str | PathLike) else list(path)
    folders = [folder for given in paths for folder in _study_folders(Path(given))]
    folders = list(dict.fromkeys(folder.resolve() for folder in folders))
    trials = [read_table(folder, "trials") for folder in folders]
    if not any(part.num_rows for part in trials):
        raise ResultsError(
            f"results need at least one finished trial, but {_listed(paths)} holds none; "
            "wait for the first one, or run the study again to resume it"
        )
    table = _to_pandas(pa.concat_tables(trials))
    twice = table.loc[table.duplicated(["study", "trial"]), "study"]
    if len(twice):
        raise ResultsError(
            f"every study must be read once, but {_listed(paths)} holds {twice.iloc[0]} twice; give one of its folders"
        )
    return Results(
        table,
        # Trials are read before history and scores, so a trial that ends in between is left out as a whole.
        {folder: part["trial"].combine_chunks() for folder, part in zip(folders, trials, strict=True)},
    )


@dataclass(frozen=True, repr=False)
class Results:
    """The tables of one or several studies, as pandas data frames with the columns of ``results/schema.py``.

    Attributes:
        trials: one row a finished trial; whole numbers that may be absent are ``Int64``.
    """

    trials: pd.DataFrame
    _finished: dict[Path, pa.Array]

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row a step of a finished trial; ``auxiliary`` holds a dict. Read when first asked for."""
        return self._rows("history")

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row a scored example of a finished trial; ``scores`` is an array. Read when first asked for."""
        return self._rows("scores")

    @cached_property
    def precision(self) -> pd.DataFrame:
        """One row a cell and dtype that was measured; none of studies that an older zostudy ran."""
        parts = [read_table(folder, "precision") for folder in self._finished]
        return _to_pandas(pa.concat_tables(parts))

    def __repr__(self) -> str:
        """Says what was read."""
        studies = ", ".join(sorted(self.trials["study"].unique()))
        return f"<Results: {len(self.trials)} finished trials of {studies}>"

    def _rows(self, table: str) -> pd.DataFrame:
        parts = [SCHEMAS[table].empty_table()]
        for folder, finished in self._finished.items():
            rows = read_table(folder, table)
            parts.append(rows.filter(pc.is_in(rows["trial"], value_set=finished)))
        return _to_pandas(pa.concat_tables(parts))


def _study_folders(path: Path) -> list[Path]:
    if not path.is_dir():
        raise ResultsError(
            f"results must be read from a folder, but {path} is {'a file' if path.exists() else 'missing'}; "
            "give the folder that the study named when it ended, such as results/quickstart"
        )
    folders = [path] if _is_study(path) else sorted(child for child in path.iterdir() if _is_study(child))
    if not folders:
        raise ResultsError(
            f"a results folder must hold a study or studies, but {path} holds none; "
            "give the folder that the study named when it ended, such as results/quickstart"
        )
    return folders


def _is_study(path: Path) -> bool:
    return (path / "trials").is_dir()


def _listed(paths: Sequence[str | PathLike[str]]) -> str:
    return ", ".join(str(path) for path in paths)


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    # Int64 keeps whole numbers whole where a column has nulls.
    frame: pd.DataFrame = table.to_pandas(maps_as_pydicts="strict", types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame
