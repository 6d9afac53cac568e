"""Files and rows lost, doubled, swapped or of an earlier run: every answer is right, or noted as a part, or refused."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from zostudy.errors import ResultsError
from zostudy.results.comparison.compare import compare
from zostudy.results.finished_trials import MERGED
from zostudy.results.ledger import Ledger
from zostudy.results.lost_rows import study_notes
from zostudy.results.outcome import Outcome
from zostudy.results.parquet import PARQUET, write_table
from zostudy.results.repair import lacks_measurements, set_damage_aside
from zostudy.results.schema import SCHEMAS
from zostudy.results.sql import run_sql
from zostudy.results.storage import Storage
from zostudy.results.stored_tables import merge, read_table

STUDY = {
    "name": "made",
    "methods": ["spsa", "zosa"],
    "imbalance": {"ratios": [10.0]},
    "search": {"trials": 2},
    "confirm": {"seeds": 2},
}
STATES = ("running", "ended", "grown", "stopped")
TRIALS = [
    (method, stage, number) for method in STUDY["methods"] for stage in ("search", "confirm") for number in (0, 1)
]

Rows = Counter[str]


def outcomes(make_outcome: Callable[..., Outcome], shift: float = 0.0) -> Iterator[Outcome]:
    """Gives the outcomes of the study's trials, each with figures of its own; ``shift`` is of an earlier run."""
    for index, (method, stage, number) in enumerate(TRIALS):
        confirm = stage == "confirm"
        sure = {"sharpness": 0.1} if confirm else {"test_auc": None}
        outcome = make_outcome(
            method,
            number=number,
            stage=stage,
            trial=f"{method}-r10-{stage}-{number}",
            dev_auc=0.5 + index / 100,
            **sure,
        )
        assert outcome.landscape is not None
        history = dict(outcome.history, loss=outcome.history["loss"] + index + shift)
        scores = {
            split: dev._replace(scores=dev.scores + np.float32(index + shift))
            for split, dev in (("dev", outcome.scores["dev"]), ("test", outcome.scores["dev"]))
        }
        yield replace(
            outcome,
            history=history,
            scores=scores if confirm else {},
            landscape=outcome.landscape._replace(x=outcome.landscape.x + shift) if confirm else None,
        )


def record_measured(ledger: Ledger, make_noise_floor: Callable[..., Any]) -> None:
    """Records what a run measures before its first trial."""
    ledger.record_noise_floor([make_noise_floor(cell=f"{method}-ratio10") for method in STUDY["methods"]])
    ledger.record_agreement(
        {field.name: "float32" if pa.types.is_string(field.type) else 1 for field in SCHEMAS["agreement"]}
    )


def write_study(
    make_outcome: Callable[..., Any], make_noise_floor: Callable[..., Any], folder: Path, state: str
) -> None:
    """Writes a study as it is found while it runs, once it has ended, as it grows, or where merging was stopped."""
    ledger = Ledger(folder)
    ledger.write_study(STUDY, {})
    record_measured(ledger, make_noise_floor)
    for shift in (1.0, 0.0):
        for index, outcome in enumerate(outcomes(make_outcome, shift)):
            if shift and index not in (0, 3):
                continue  # some trials were run before
            ledger.record(outcome)
            if state == "grown" and index == 5:
                merge(ledger.storage)
        if shift:
            shutil.copytree(folder, folder.parent / f"{folder.name}-before", dirs_exist_ok=True)
    if state == "ended":
        merge(ledger.storage)
    if state == "stopped":  # trials are merged and some files removed
        for table in ("history", "scores", "landscape", "trials"):
            write_table(read_table(ledger.storage, table), ledger.storage / table, MERGED)
        for name in (ledger.storage / "trials").files()[1:4]:
            (ledger.storage / "trials").remove(name)


def answers(folder: Path, asked: Sequence[str]) -> dict[str, Rows | None]:
    """Returns what each reader makes of a study, None where it refused; SQL about some tables, the others about all."""
    storage = Storage.at(folder)
    asks: dict[str, Callable[[], Rows]] = {"compare": lambda: Counter(map(str, compare(folder).records()))}
    for table in SCHEMAS:
        asks[f"read {table}"] = partial(_read, storage, table)
    for table in asked:
        asks[f"query {table}"] = partial(run_sql, [storage], f"SELECT * FROM {table}", _fetched)
    found: dict[str, Rows | None] = {}
    for name, ask in asks.items():
        with suppress(ResultsError):
            found[name] = ask()
    return {name: found.get(name) for name in asks}


def _fetched(answer: Any) -> Rows:
    return Counter(map(repr, answer.fetchall()))


def _read(storage: Storage, table: str) -> Rows:
    return Counter(map(repr, read_table(storage, table).to_pylist()))


def _lose(path: Path, at: float) -> None:
    path.unlink()


def _empty(path: Path, at: float) -> None:
    path.write_bytes(b"")


def _cut(path: Path, at: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * at)])


def _flip(path: Path, at: float) -> None:
    content = bytearray(path.read_bytes() or b"0")
    content[int(len(content) * at)] ^= 1 + int(at * 254)
    path.write_bytes(content)


def _add_bytes(path: Path, at: float) -> None:
    path.write_bytes(path.read_bytes() + bytes(int(at * 9) + 1))


def _replace_by_folder(path: Path, at: float) -> None:
    path.unlink()
    path.mkdir()


def _replace_by_link(path: Path, at: float) -> None:
    path.unlink()
    path.symlink_to(path.name if at < 0.5 else "nowhere")


def _rename(path: Path, at: float) -> None:
    path.rename(path.with_name(f"{path.stem} (1){PARQUET}"))


def _copy(path: Path, at: float) -> None:
    shutil.copy(path, path.with_name(f"{path.stem} (1){PARQUET}"))


def _put_over_another(path: Path, at: float) -> None:
    files = sorted(path.parent.glob("*.parquet"))
    shutil.copy(path, path.with_name("put"))
    path.with_name("put").replace(files[int(len(files) * at)])


def _lose_folder(path: Path, at: float) -> None:
    shutil.rmtree(path.parent)


def _put_an_earlier_one(path: Path, at: float) -> None:
    before = sorted(Path(f"{path.parents[1]}-before", path.parent.name).glob("*.parquet"))
    earlier = before[int(len(before) * at)]
    shutil.copy(earlier, path if at < 0.3 else path.with_name(earlier.name))


def _take(path: Path, indices: Callable[[int], Any]) -> None:
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.take(pa.array(indices(table.num_rows), pa.int64())), path)


def _lose_rows(path: Path, at: float) -> None:
    _take(path, lambda n: [i for i in range(n) if i != int(n * at)])


def _double_rows(path: Path, at: float) -> None:
    _take(path, lambda n: [*range(n), *range(int(n * at), n)])


def _draw_rows(path: Path, at: float) -> None:
    _take(path, lambda n: np.random.default_rng(int(at * 1e6)).integers(0, max(n, 1), n))


def _turn_rows(path: Path, at: float) -> None:
    _take(path, lambda n: [*range(n)][::-1])


HARMS = (
    *(_lose, _empty, _cut, _flip, _add_bytes, _replace_by_folder, _replace_by_link, _rename, _copy),
    *(_put_over_another, _lose_folder, _put_an_earlier_one, _lose_rows, _double_rows, _draw_rows, _turn_rows),
)
harm = st.tuples(st.sampled_from(HARMS), st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))


@dataclass(frozen=True)
class Written:
    """A study in some state, which no test may change, and the right answers about it."""

    folder: Path
    right: dict[str, Rows | None]


@pytest.fixture(scope="module", params=STATES)
def study(
    request: pytest.FixtureRequest,
    make_outcome: Callable[..., Any],
    make_noise_floor: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Written:
    return written(make_outcome, make_noise_floor, tmp_path_factory.mktemp("lost") / str(request.param))


def written(make_outcome: Callable[..., Any], make_noise_floor: Callable[..., Any], folder: Path) -> Written:
    write_study(make_outcome, make_noise_floor, folder, folder.name)
    right = answers(folder, [*SCHEMAS])
    assert None not in right.values()
    assert study_notes([Storage.at(folder)]) == []
    return Written(folder, right)


def harmed(study: Path, to: Path, harms: list[Any]) -> None:
    """Copies a study and does harm to files of it that are there."""
    shutil.copytree(study, to)
    shutil.copytree(f"{study}-before", f"{to}-before")
    for do, which, at in harms:
        files = sorted(path for table in SCHEMAS for path in (to / table).glob("*.parquet") if path.is_file())
        if files:
            with suppress(pa.ArrowException, OSError):  # what is no Parquet any more has no rows to lose
                do(files[int(len(files) * which)], at)
    assume(not has_a_whole_trial_of_before(to))


def has_a_whole_trial_of_before(study: Path) -> bool:
    """Returns whether all files of a trial are those of its earlier run: nothing can tell it from the later one."""
    before = Path(f"{study}-before")

    def is_of_before(table: str, name: str) -> bool:
        earlier, now = before / table / name, study / table / name
        return not earlier.exists() or (now.is_file() and now.read_bytes() == earlier.read_bytes())

    names = [path.name for path in (before / "trials").glob("*.parquet")]
    return any(all(is_of_before(table, name) for table in SCHEMAS) for name in names)


@pytest.mark.slow
@given(harms=st.lists(harm, min_size=1, max_size=3), asked=st.sampled_from([*SCHEMAS]))
@settings(max_examples=4)  # in each of four states; one takes half a second
def test_every_answer_is_right_or_noted_as_a_part_or_refused(study: Written, harms: list[Any], asked: str) -> None:
    check_answers(study, harms, asked)


def check_answers(study: Written, harms: list[Any], asked: str) -> str:
    """Returns how it ended: right, noted or refused."""
    with TemporaryDirectory() as folder:
        harmed(study.folder, made := Path(folder, "made"), harms)
        found, notes = answers(made, [asked]), study_notes([Storage.at(made)])
    wrong = {name: answer for name, answer in found.items() if answer is not None and answer != study.right[name]}
    for name, answer in wrong.items():
        right = study.right[name]
        assert right is not None
        assert notes, (name, right - answer, answer - right)
        assert name == "compare" or answer <= right, (name, answer - right)
    return "noted" if wrong else "refused" if None in found.values() else "right"


def test_trials_that_a_grown_study_lost_are_missed(study: Written, tmp_path: Path) -> None:
    shutil.copytree(study.folder, made := tmp_path / "made")
    for path in (made / "trials").glob("zosa-r10-confirm-*.parquet"):
        path.unlink()
    lost = {name for name, answer in answers(made, []).items() if answer != study.right[name]}
    assert ("compare" in lost) == bool(study_notes([Storage.at(made)])) == (study.folder.name in ("running", "grown"))


def test_a_trial_of_before_is_whole_only_with_all_its_files(study: Written, tmp_path: Path) -> None:
    shutil.copytree(study.folder, made := tmp_path / "made")
    shutil.copytree(f"{study.folder}-before", before := tmp_path / "made-before")
    name = sorted(path.name for path in (before / "trials").glob("*.parquet"))[0]
    for table in ("history", "trials"):
        assert not has_a_whole_trial_of_before(made)
        shutil.copy(before / table / name, made / table / name)
    owns_more = (before / "scores" / name).exists()
    assert has_a_whole_trial_of_before(made) == (not owns_more)
    found = answers(made, [])
    is_seen = bool(study_notes([Storage.at(made)])) or None in found.values()
    assert is_seen == owns_more


@pytest.mark.parametrize("table", ["noise_floor", "agreement"])
def test_a_lost_measurement_is_noted_refused_and_measured_again(
    study: Written, table: str, make_noise_floor: Callable[..., Any], tmp_path: Path
) -> None:
    shutil.copytree(study.folder, made := tmp_path / "made")
    shutil.rmtree(made / table)
    [note] = [line for line in study_notes([Storage.at(made)]) if "must be whole" in line]
    assert f"{made / table} lacks " in note
    assert answers(made, [table])[f"query {table}"] is None
    ledger = Ledger(made)
    [line] = set_damage_aside(ledger.storage)
    assert line.startswith("lost: ")
    assert lacks_measurements(ledger.storage)
    record_measured(ledger, make_noise_floor)
    assert answers(made, [table]) == {name: study.right[name] for name in answers(made, [table])}


@pytest.mark.slow
@given(harms=st.lists(harm, min_size=1, max_size=3))
@settings(max_examples=4)  # in each of four states; one takes half a second
def test_a_run_after_it_gives_what_an_undisturbed_one_gives(
    study: Written, make_outcome: Callable[..., Any], make_noise_floor: Callable[..., Any], harms: list[Any]
) -> None:
    check_repair(study, make_outcome, make_noise_floor, harms)


def check_repair(
    study: Written, make_outcome: Callable[..., Any], make_noise_floor: Callable[..., Any], harms: list[Any]
) -> str:
    """Returns how it ended: right or refused."""
    with TemporaryDirectory() as folder:
        harmed(study.folder, made := Path(folder, "made"), harms)
        try:
            set_damage_aside(Ledger(made).storage)
        except ResultsError:  # of a copy, which has to be moved away
            return "refused"
        ledger = Ledger(made)
        there = {trial.trial for trial in ledger.trials()}
        if lacks_measurements(ledger.storage) or len(there) < len(TRIALS):
            record_measured(ledger, make_noise_floor)
        for outcome in outcomes(make_outcome):
            if outcome.name not in there:
                ledger.record(outcome)
        assert set_damage_aside(ledger.storage) == []
        assert study_notes([ledger.storage]) == []
        merge(ledger.storage)
        assert study_notes([ledger.storage]) == []
        found = answers(made, [])
        assert found == {name: study.right[name] for name in found}
    return "right"
