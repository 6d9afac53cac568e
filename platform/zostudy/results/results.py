"""The results of studies as pandas data frames."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from zostudy.errors import ResultsError, ResultsWarning
from zostudy.results.lost_rows import lost_rows
from zostudy.results.reading import as_frame, find_studies, read_trials
from zostudy.results.schema import SCHEMAS, empty_table
from zostudy.results.storage import Storage, Where
from zostudy.results.stored_tables import read_table
from zostudy.wording import clipped, one_line

# More studies than these are not all named in a line or shown in a notebook.
_FEW_STUDIES = 5

_NAMES = ["study", "trial"]


def load_results(path: Where | Sequence[Where]) -> Results:
    """Returns the finished trials of one study or of several, failed ones among them.

    A table that lacks rows is warned of (``ResultsWarning``). It raises an error when it is asked for.

    Args:
        path: a study's results folder, a folder of such folders, or several of either; also as ``s3://`` or
            ``gs://``.

    Raises:
        ResultsError: a folder is missing or holds no finished trial, two folders hold the same study, or a file
            is not one that zostudy wrote.
    """
    results = read_results(path)
    for line in lost_rows(results.storages):
        warnings.warn(line, ResultsWarning, stacklevel=2)
    return results


def read_results(path: Where | Sequence[Where]) -> Results:
    """Returns what ``load_results`` does, without its warnings, for callers that show ``study_notes`` instead.

    Raises:
        ResultsError: as ``load_results``.
    """
    storages = find_studies(path)
    trials = read_trials(storages, SCHEMAS["trials"].names)
    # Trials are read before history and scores, so a trial that ends in between is left out as a whole.
    finished = tuple((storage, part["trial"].combine_chunks()) for storage, part in zip(storages, trials, strict=True))
    return Results(as_frame(trials), finished)


@dataclass(frozen=True, repr=False, eq=False)  # data frames are neither true nor false
class Results:
    """The tables of one or several studies, as pandas data frames with the columns of ``results/schema.py``.

    Attributes:
        trials: one row a finished trial; whole numbers that may be absent are ``Int64``.
    """

    trials: pd.DataFrame
    _finished: tuple[tuple[Storage, pa.Array], ...]

    @property
    def storages(self) -> list[Storage]:
        """The locations of the studies."""
        return [storage for storage, _ in self._finished]

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row a step of a finished trial; ``auxiliary`` holds a dict. Read when first asked for."""
        return self._of_trials("history")

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row a scored example of a finished trial; ``scores`` is an array. Read when first asked for."""
        return self._of_trials("scores")

    @cached_property
    def landscape(self) -> pd.DataFrame:
        """One row a point around the kept point of a finished confirm trial; none where it was left out."""
        return self._of_trials("landscape")

    @cached_property
    def noise_floor(self) -> pd.DataFrame:
        """One row a cell and dtype that was measured; none of studies that an older zostudy ran."""
        return self._of_studies("noise_floor")

    @property
    def precision(self) -> pd.DataFrame:
        """The older name of ``noise_floor``."""
        return self.noise_floor

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """One row a study and dtype: how near the evaluator's scores are to those of transformers' own model."""
        return self._of_studies("agreement")

    def only(self, trials: pd.DataFrame) -> Results:
        """Returns the results of some of the trials and their studies alone; they then take less memory.

        Args:
            trials: rows of ``self.trials``, such as those of the stage ``confirm``.

        Raises:
            ResultsError: it is no data frame with the columns ``study`` and ``trial``.
        """
        if not isinstance(trials, pd.DataFrame) or not {*_NAMES} <= {*trials.columns}:
            raise ResultsError(
                "must be rows of the table trials, with study and trial",
                got=f"got {clipped(one_line(repr(trials)))}",
                remedy="filter the trials of these results",
                about="`trials`",
            )
        chosen = pd.MultiIndex.from_frame(self.trials[_NAMES]).isin(pd.MultiIndex.from_frame(trials[_NAMES]))
        ends = np.cumsum([len(finished) for _, finished in self._finished])
        finished = tuple(
            (storage, names.filter(pa.array(part)))
            for (storage, names), part in zip(self._finished, np.split(chosen, ends), strict=False)
            if part.any()
        )
        return Results(self.trials[chosen].reset_index(drop=True), finished)

    def sql(self, statement: str) -> pd.DataFrame:
        """Returns the answer to one ``SELECT`` over the studies' tables, as they are stored now.

        The tables are ``studies``, ``trials``, ``history``, ``scores``, ``landscape``, ``noise_floor`` and
        ``agreement``; ``zostudy query`` lists their columns.

        Raises:
            ResultsError: the SQL is wrong or more than one ``SELECT``, or a file cannot be read.
        """
        from zostudy.results.sql import run_sql  # DuckDB is loaded by those who use it

        frame: pd.DataFrame = run_sql(self.storages, statement, lambda answer: answer.df())
        return frame

    def __repr__(self) -> str:
        """Says what was read."""
        studies = sorted(self.trials["study"].unique())
        named = ", ".join(studies[:_FEW_STUDIES])
        more = f" and {len(studies) - _FEW_STUDIES:,} more studies" if len(studies) > _FEW_STUDIES else ""
        return f"<Results: {len(self.trials)} finished trials of {named}{more}>"

    def _repr_html_(self) -> str:
        """Returns the report's summary for notebooks: what was read, the comparison of each study, its verdicts."""
        from zostudy.results.comparison.compare import compare

        shown = [f"<p>{escape(repr(self))}</p>"]
        for study, trials in [*self.trials.groupby("study", sort=True)][:_FEW_STUDIES]:
            of_study = self.only(trials)
            try:
                shown.append(f"<h4>{escape(str(study))}</h4>{compare(of_study)._repr_html_()}")
            except ResultsError as error:  # such as of a study that has no confirm trial yet
                shown.append(f"<h4>{escape(str(study))}</h4><p>{escape(str(error))}</p>")
        return "".join(shown)

    def _of_studies(self, table: str) -> pd.DataFrame:
        return as_frame([empty_table(SCHEMAS[table]), *(read_table(storage, table) for storage in self.storages)])

    def _of_trials(self, table: str) -> pd.DataFrame:
        parts = [empty_table(SCHEMAS[table])]
        for folder, finished in self._finished:
            rows = read_table(folder, table)
            parts.append(rows.filter(pc.is_in(rows["trial"], value_set=finished)))
        return as_frame(parts)
