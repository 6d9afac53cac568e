"""What a person sees while a study runs: a table that moves in a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from zostudy.console.log import terminal
from zostudy.console.meter import Meter
from zostudy.console.progress import duration
from zostudy.results.outcome import Outcome
from zostudy.search.callback import Callback
from zostudy.search.plan import Assignment
from zostudy.search.progress import CellProgress, StudyProgress
from zostudy.search.trial import TrialProgress
from zostudy.wording import counted, printable

_log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def live_view() -> Iterator[Callback]:
    """Gives the view that fits standard error and the settings of logging, and ends it."""
    console = terminal()
    if console is None:
        yield LineView()
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield TableView(live)


class View(Callback, ABC):
    """Follows a study; subclasses show it."""

    def __init__(self) -> None:
        """Starts with nothing to show."""
        self._progress: StudyProgress | None = None
        self._meter = Meter(1)
        self._running: set[str] = set()

    @abstractmethod
    def on_phase(self, what: str) -> None:
        """Shows what takes its time before the first query."""

    def on_note(self, line: str) -> None:
        """Prints a line that stays; a live table moves below it."""
        _log.info("%s", line)

    def on_study_start(self, progress: StudyProgress, n_replicas: int) -> None:
        """Takes over a study whose replicas are ready."""
        self._progress = progress
        self._meter = Meter(n_replicas)

    def on_replicas_changed(self, n_replicas: int) -> None:
        """Says so, as it changes the pace."""
        self._meter.resize(n_replicas)
        self.on_note(f"{counted(n_replicas, 'replica')} now")

    def on_trial_start(self, assignment: Assignment) -> None:
        """Shows the trial as running."""
        self._running.add(assignment.name)
        self._show()

    def on_trial_progress(self, assignment: Assignment, progress: TrialProgress) -> None:
        """Shows what the trial has spent."""
        self._meter.progressed(assignment.name, progress)
        self._show()

    def on_trial_end(self, assignment: Assignment, outcome: Outcome) -> None:
        """Shows the trial as finished, with what its last step and its test scores took."""
        spent = TrialProgress(outcome.trial.queries, outcome.trial.replica_seconds, None)
        self._meter.progressed(assignment.name, spent)
        self._running.discard(assignment.name)
        self._show()

    @abstractmethod
    def _show(self) -> None:
        """Draws the study as it stands."""

    def _summary(self) -> str:
        assert self._progress is not None
        n_trials = sum(cell.n_trials for cell in self._progress.cells.values())
        meter = self._meter
        return (
            f"{self._progress.n_finished}/{n_trials} trials  {meter.queries:,} queries  "
            f"{meter.queries_per_second:.0f} queries/s  replicas {meter.busy_share:.0%} busy  "
            f"ETA {duration(meter.seconds_for(self._queries_left()))}"
        )

    def _queries_left(self) -> int:
        """Returns what the unfinished trials may still spend; a trial that ended early leaves nothing."""
        assert self._progress is not None
        plan, cells = self._progress.plan, self._progress.cells.values()
        ahead = sum((cell.n_trials - cell.n_finished) * plan.queries(cell.cell) for cell in cells)
        return ahead - sum(self._meter.spent_by(trial) for trial in self._running)


class LineView(View):
    """Plain lines: one a phase, then one every few seconds, and one at the end."""

    def __init__(self) -> None:
        """Starts the clock between lines."""
        super().__init__()
        self._shown = float("-inf")

    def on_phase(self, what: str) -> None:
        """Prints a line."""
        _log.info("%s", what)

    def _show(self) -> None:
        assert self._progress is not None
        if self._progress.done or time.monotonic() - self._shown >= SECONDS_BETWEEN_LINES:
            self._shown = time.monotonic()
            _log.info("%s", f"{self._summary()}  {self._best()}".rstrip())

    def _best(self) -> str:
        assert self._progress is not None
        ranked = [cell for cell in self._progress.cells.values() if cell.cell.method_class.needs == "scores"]
        scored = [(cell.dev_auc, cell.cell.name) for cell in ranked if cell.dev_auc is not None]
        best, name = max(scored, default=(0.0, ""))
        return f"best mean dev AUC {best:.3f} ({name})" if name else ""


class TableView(View):
    """A table of the cells that moves while the study runs."""

    def __init__(self, live: Live) -> None:
        """Draws in a rich live display."""
        super().__init__()
        self._live = live

    def on_phase(self, what: str) -> None:
        """Shows a line in place of the table."""
        self._live.update(Text(f"{printable(what)} ..."))

    def _show(self) -> None:
        assert self._progress is not None
        table = Table(box=None, padding=(0, 2))
        for heading in ("ratio", "method", "search", "confirm", "dev AUC"):
            table.add_column(heading, justify="left" if heading == "method" else "right")
        for cell in self._progress.cells.values():
            table.add_row(*_cell_row(cell))
        self._live.update(Group(table, Text(self._summary(), style="bold")))


def _cell_row(cell: CellProgress) -> tuple[str, ...]:
    done = {stage: sum(row.stage == stage for row in cell.rows) for stage in ("search", "confirm")}
    return (
        cell.cell.ratio_label,
        cell.cell.method.label,
        f"{done['search']}/{cell.n_search_trials}",
        f"{done['confirm']}/{cell.cell.n_confirm}",
        "-" if cell.dev_auc is None else f"{cell.dev_auc:.3f}",
    )
