"""The live view of a running study: a table that is redrawn on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Group
from rich.live import Live
from rich.text import Text

from zostudy.console.cell_table import cell_table, fold_cells
from zostudy.console.log import terminal
from zostudy.console.meter import Meter
from zostudy.console.time_left import TimeLeft, eta
from zostudy.results.outcome import Outcome
from zostudy.search.callback import Callback
from zostudy.search.plan import Assignment
from zostudy.search.progress import StudyProgress
from zostudy.search.trial import TrialProgress
from zostudy.wording import counted, printable

_log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def live_view() -> Iterator[Callback]:
    """Yields a ``TableView`` if standard error is a terminal that shows the log, else a ``LineView``."""
    console = terminal()
    if console is None:
        yield LineView()
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield TableView(live)


class View(Callback, ABC):
    """Counts a study's progress; subclasses draw it."""

    _progress: StudyProgress

    def __init__(self) -> None:
        self._meter = Meter(1)
        self._time_left = TimeLeft()
        self._running: dict[str, tuple[str, float | None]] = {}

    @abstractmethod
    def on_phase(self, what: str) -> None:
        """Shows a phase before the first query, such as starting Ray."""

    def on_note(self, line: str) -> None:
        """Prints a line that stays above a live table."""
        _log.info("%s", line)

    def on_study_start(self, progress: StudyProgress, n_replicas: int) -> None:
        """Begins to count, as the replicas are ready."""
        self._progress = progress
        self._meter = Meter(n_replicas)

    def on_replicas_changed(self, n_replicas: int) -> None:
        """Shows the new number of replicas, and measures the pace anew."""
        self._meter.resize(n_replicas)
        self._time_left.restart()
        self.on_note(f"{counted(n_replicas, 'replica')} now")

    def on_trial_start(self, assignment: Assignment) -> None:
        """Shows the trial as running."""
        self._running[assignment.name] = assignment.cell, None
        self._show()

    def on_trial_progress(self, assignment: Assignment, progress: TrialProgress) -> None:
        """Shows the trial's queries and its best dev AUC so far."""
        self._meter.progressed(assignment.name, progress)
        self._running[assignment.name] = assignment.cell, progress.dev_auc
        self._show()

    def on_trial_end(self, assignment: Assignment, outcome: Outcome) -> None:
        """Shows the trial as finished, and counts its last step and its test scores."""
        spent = TrialProgress(outcome.trial.queries, outcome.trial.replica_seconds, None)
        self._meter.progressed(assignment.name, spent)
        self._running.pop(assignment.name, None)
        self._show()

    @abstractmethod
    def _show(self) -> None:
        """Draws the current state of the study."""

    def _summary(self) -> str:
        done, meter = f"{self._progress.n_finished}/{self._progress.n_trials} trials", self._meter
        if not (self._progress.n_finished or meter.queries):
            return f"{done}  trials start and evaluate their first prompts"
        self._time_left.progressed(meter.queries)
        left = self._time_left.range(self._queries_left(), self._longest_trial())
        rate, left = meter.queries_per_second, (0.0, 0.0) if self._progress.done else left
        return (
            f"{done}  {meter.queries:,} queries  {f'{rate:.2g}' if rate < 9.5 else f'{rate:,.0f}'} queries/s  "
            f"replicas {meter.busy_share:.0%} busy  {eta(left)}"
        )

    def _running_best(self) -> dict[str, float | None]:
        """Returns the best dev AUC so far of each cell's running trials."""
        best: dict[str, float | None] = {}
        for cell, dev_auc in self._running.values():
            best[cell] = max((value for value in (best.get(cell), dev_auc) if value is not None), default=None)
        return best

    def _queries_left(self) -> int:
        """Returns the queries that unfinished trials may still spend. A trial that ended early has none left."""
        plan, cells = self._progress.plan, self._progress.cells.values()
        ahead = sum((cell.n_trials - cell.n_finished) * plan.queries(cell.cell) for cell in cells)
        return ahead - sum(self._meter.spent_by(trial) for trial in self._running)

    def _longest_trial(self) -> float:
        """Returns the seconds that the running trial with the most work still takes at its own pace."""
        plan, cells = self._progress.plan, self._progress.cells
        return max(
            (
                (plan.queries(cells[cell].cell) - self._meter.spent_by(trial)) * self._meter.seconds_per_query(trial)
                for trial, (cell, _) in self._running.items()
            ),
            default=0.0,
        )


class LineView(View):
    """Plain lines: one for each phase, then one every few seconds, and one at the end."""

    def __init__(self) -> None:
        super().__init__()
        self._shown = float("-inf")

    def on_phase(self, what: str) -> None:
        """Prints a line."""
        _log.info("%s", what)

    def _show(self) -> None:
        if self._progress.done or time.monotonic() - self._shown >= SECONDS_BETWEEN_LINES:
            self._shown = time.monotonic()
            _log.info("%s", f"{self._summary()}  {self._best()}".rstrip())

    def _best(self) -> str:
        """Returns the cell with the best finished trials; while no trial has finished, with the best running ones."""
        ranked = [cell for cell in self._progress.cells.values() if cell.cell.method.method_class.needs == "scores"]
        running = self._running_best()
        ended = [(cell.dev_auc, cell.cell.name) for cell in ranked if cell.dev_auc is not None]
        ongoing = [(auc, cell.cell.name) for cell in ranked if (auc := running.get(cell.cell.name)) is not None]
        if not (ended or ongoing):
            return ""
        best, name = max(ended or ongoing)
        return f"best {'mean dev AUC' if ended else 'running dev AUC'} {best:.3f} ({name})"


class TableView(View):
    """A table of the cells that is redrawn while the study runs."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self._live = live

    def on_phase(self, what: str) -> None:
        """Shows a line in place of the table."""
        self._live.update(Text(f"{printable(what)} ..."))

    def _show(self) -> None:
        size, summary, running = self._live.console.size, Text(self._summary(), style="bold"), self._running_best()
        n_rows = size.height - 2 - len(summary.wrap(self._live.console, size.width))  # heading, and the cursor's line
        folded = fold_cells([*self._progress.cells.values()], running, n_rows)
        notes = [Text(folded.note, style="dim", no_wrap=True, overflow="ellipsis")] if folded.note else []
        self._live.update(Group(cell_table(folded.shown, running), *notes, summary))
