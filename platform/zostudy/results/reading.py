"""Reading results back as data frames, also while a study runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from zostudy.errors import ResultsError
from zostudy.results.files import read_table
from zostudy.results.schema import SCHEMAS
from zostudy.results.storage import Storage, Where


def load_results(path: Where | Sequence[Where]) -> Results:
    """Returns the finished trials of one study or of several, failed ones among them.

    Args:
        path: a study's results folder, a folder of such folders, or several of either; also as ``s3://`` or
            ``gs://``.

    Raises:
        ResultsError: a folder is missing, holds no finished trial or a study that another one holds too, or a
            file in it is not ours.
    """
    paths = [path] if isinstance(path, str | PathLike | Storage) else list(path)
    found = [folder for given in paths for folder in _study_folders(Storage.at(given))]
    folders = list({folder.folder.resolve() if folder.folder else str(folder): folder for folder in found}.values())
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
        tuple((folder, part["trial"].combine_chunks()) for folder, part in zip(folders, trials, strict=True)),
    )


@dataclass(frozen=True, repr=False)
class Results:
    """The tables of one or several studies, as pandas data frames with the columns of ``results/schema.py``.

    Attributes:
        trials: one row a finished trial; whole numbers that may be absent are ``Int64``.
    """

    trials: pd.DataFrame
    _finished: tuple[tuple[Storage, pa.Array], ...]

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
        parts = [read_table(folder, "precision") for folder, _ in self._finished]
        return _to_pandas(pa.concat_tables(parts))

    def __repr__(self) -> str:
        """Says what was read."""
        studies = ", ".join(sorted(self.trials["study"].unique()))
        return f"<Results: {len(self.trials)} finished trials of {studies}>"

    def _rows(self, table: str) -> pd.DataFrame:
        parts = [SCHEMAS[table].empty_table()]
        for folder, finished in self._finished:
            rows = read_table(folder, table)
            parts.append(rows.filter(pc.is_in(rows["trial"], value_set=finished)))
        return _to_pandas(pa.concat_tables(parts))


def _study_folders(place: Storage) -> list[Storage]:
    if not place.is_folder():
        raise ResultsError(
            f"results must be read from a folder, but {place} is {'a file' if _is_file(place) else 'missing'}; "
            "give the folder that the study named when it ended, such as results/quickstart"
        )
    folders = [place] if _is_study(place) else [place / name for name in place.folders() if _is_study(place / name)]
    if not folders:
        raise ResultsError(
            f"a results folder must hold a study or studies, but {place} holds none; "
            "give the folder that the study named when it ended, such as results/quickstart"
        )
    return folders


def _is_study(place: Storage) -> bool:
    return (place / "trials").is_folder()


def _is_file(place: Storage) -> bool:
    return place.exists("")


def _listed(paths: Sequence[Where]) -> str:
    return ", ".join(str(path) for path in paths)


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    # Int64 keeps whole numbers whole where a column has nulls.
    frame: pd.DataFrame = table.to_pandas(maps_as_pydicts="strict", types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame
