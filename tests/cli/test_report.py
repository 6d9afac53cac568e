from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import zostudy
from zostudy.cli.report import report_command
from zostudy.errors import ResultsError
from zostudy.results.storage import Storage

ROOT = Path(__file__).resolve().parents[2]
STORED = {
    "quickstart": ROOT / "tests" / "data" / "quickstart",
    "sst2-minilm": ROOT / "results" / "reference" / "sst2-minilm",
}


@pytest.mark.usefixtures("comparison_alone")
def test_a_report_of_several_studies_is_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in STORED:
        shutil.copytree(STORED[name], tmp_path / "results" / name)
    (tmp_path / "pages").mkdir()
    report_command([str(tmp_path / "results")], to=str(tmp_path / "pages"))
    assert capsys.readouterr().out.strip() == str(tmp_path / "pages" / "report.html")
    text = (tmp_path / "pages" / "report.html").read_text(encoding="utf-8")
    assert "<h2>quickstart</h2>" in text
    assert "<h2>sst2-minilm</h2>" in text
    assert 'http-equiv="refresh"' not in text


@pytest.mark.slow
@pytest.mark.usefixtures("comparison_alone")
def test_a_report_goes_beside_results_in_an_object_store(
    s3_uri: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    storage = Storage.at(s3_uri("reported"))
    for path in (STORED["quickstart"]).rglob("*.*"):
        storage.write(path.relative_to(STORED["quickstart"]).as_posix(), path.read_bytes())
    report_command([str(storage)], baseline="spsa")
    assert capsys.readouterr().out.strip() == str(storage / "report.html")
    assert "difference to spsa" in storage.read("report.html").decode()


@pytest.mark.usefixtures("comparison_alone")
def test_a_study_without_a_finished_trial_is_left_out_of_a_tree_and_refused_alone(
    tmp_path: Path, logged: list[str]
) -> None:
    begun = tmp_path / "results" / "begun"
    (begun / "trials").mkdir(parents=True)
    with pytest.raises(ResultsError, match=r"at least one finished trial, but .*begun holds none; wait"):
        report_command([str(begun)])
    assert not (begun / "report.html").exists()
    shutil.copytree(STORED["quickstart"], tmp_path / "results" / "quickstart")
    report_command([str(tmp_path / "results")])
    assert logged == ["note: begun is left out: it has no finished trial yet"]
    assert "quickstart</h" in (tmp_path / "results" / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.usefixtures("comparison_alone")
def test_a_watched_tree_waits_for_itself_and_the_first_trial_and_takes_up_new_studies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], logged: list[str]
) -> None:
    from zostudy.cli import report

    tmp_path /= "results"
    looks: list[list[str]] = []

    def end_of_a_round(seconds: float) -> None:
        text = (tmp_path / "report.html").read_text("utf-8") if (tmp_path / "report.html").is_file() else ""
        looks.append([name for name in ("quickstart", "sst2-minilm") if f"{name}</h" in text])
        if len(looks) == 5:
            raise KeyboardInterrupt
        (tmp_path / "begun" / "trials").mkdir(parents=True, exist_ok=True)
        if len(looks) > 1 and len(looks) < 4:
            name = ("quickstart", "sst2-minilm")[len(looks) - 2]
            shutil.copytree(STORED[name], tmp_path / name)

    drawn: list[str] = []
    monkeypatch.setattr("zostudy.report.page._draw", lambda specs, folder: drawn.extend(specs))
    monkeypatch.setattr(report, "time", SimpleNamespace(sleep=end_of_a_round))
    monkeypatch.setattr(report, "interrupt_on_termination", lambda: None)
    with pytest.raises(KeyboardInterrupt):
        report_command([str(tmp_path)], watch=True)
    assert looks == [[], [], ["quickstart"], ["quickstart", "sst2-minilm"], ["quickstart", "sst2-minilm"]]
    page = tmp_path / "report.html"
    assert capsys.readouterr().out == f"{page}\n"
    assert logged == [
        f"waiting for {tmp_path} to appear",
        "waiting for the first trial to end",
        "writing it a last time, with figures/",
        f"no longer updated: {page}",
    ]
    assert 'http-equiv="refresh"' not in page.read_text("utf-8")
    assert drawn


@pytest.mark.slow
@pytest.mark.usefixtures("few_trees")
def test_watching_ends_when_every_study_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from zostudy.cli import report

    shutil.copytree(STORED["sst2-minilm"], tmp_path / "sst2-minilm")
    stored = {path: pq.read_table(path) for path in (tmp_path / "sst2-minilm").glob("*/*.parquet")}
    early = {f"bpt-fzg-r10-confirm-{number:03}" for number in range(3)}
    for path, whole in stored.items():
        pq.write_table(_rows_of(whole, early), path)
    looks: list[bool] = []

    def end_of_a_round(seconds: float) -> None:
        assert not looks, "it should have ended"
        looks.append('http-equiv="refresh"' in (tmp_path / "page.html").read_text("utf-8"))
        for path, whole in stored.items():
            pq.write_table(_rows_of(whole, set(whole["trial"].to_pylist()) - early), path.with_name("later.parquet"))

    monkeypatch.setattr(report, "time", SimpleNamespace(sleep=end_of_a_round))
    monkeypatch.setattr(report, "interrupt_on_termination", lambda: None)
    report_command([str(tmp_path / "sst2-minilm")], to=str(tmp_path / "page.html"), watch=True)
    assert looks == [True]
    assert 'http-equiv="refresh"' not in (tmp_path / "page.html").read_text("utf-8")
    assert (tmp_path / "figures" / "sst2-minilm-roc-ratio-10.png").is_file()
    assert capsys.readouterr().out == f"{tmp_path / 'page.html'}\n"


def _rows_of(table: pa.Table, trials: set[str]) -> pa.Table:
    return table.filter(pc.is_in(table["trial"], pa.array(sorted(trials))))


@pytest.mark.slow
@pytest.mark.usefixtures("comparison_alone")
def test_watching_waits_for_every_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zostudy.cli import report

    folders = [str(tmp_path / name) for name in ("quickstart", "sst2-minilm")]
    shutil.copytree(STORED["quickstart"], folders[0])
    monkeypatch.setattr(
        report, "time", SimpleNamespace(sleep=lambda _: shutil.copytree(STORED["sst2-minilm"], folders[1]))
    )
    monkeypatch.setattr(report, "interrupt_on_termination", lambda: None)
    report_command(folders, to=str(tmp_path / "page.html"), watch=True)
    text = (tmp_path / "page.html").read_text("utf-8")
    assert "<h2>sst2-minilm</h2>" in text
    assert 'http-equiv="refresh"' not in text


def test_a_file_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ResultsError, match="is a file; give the folder"):
        report_command([str(tmp_path / "file")], to=str(tmp_path / "page.html"), watch=True)


@pytest.mark.slow
def test_a_watched_report_follows_the_study_until_it_is_interrupted(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    folder = tmp_path / "quickstart"
    shutil.copytree(STORED["quickstart"], folder)
    merged, trials, report = (folder / name for name in ("trials/merged.parquet", "trials/a.parquet", "report.html"))
    whole = _of_ratio_50(pq.read_table(merged))  # so that the study is not at its end, and drawn sooner
    merged.unlink()
    for table in ("history", "scores", "landscape"):
        path = (folder / table / "merged.parquet").rename(folder / table / "a.parquet")
        pq.write_table(_of_ratio_50(pq.read_table(path)), path)
    pq.write_table(whole.filter(pc.equal(whole["stage"], "search")), trials)
    process = start("report", "--watch", folder)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == str(report)
    assert "No confirm trial has ended yet" in report.read_text(encoding="utf-8")
    pq.write_table(whole, folder / "whole")
    (folder / "whole").replace(trials)
    for _ in range(600):
        text = report.read_text(encoding="utf-8")
        if "No confirm trial has ended yet" not in text or process.poll() is not None:
            break
        time.sleep(0.2)
    assert 'http-equiv="refresh"' in text
    assert "test_auc by imbalance_ratio" in text  # else it never followed
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130
    assert said.splitlines() == ["writing it a last time, with figures/", f"no longer updated: {report}"]
    assert 'http-equiv="refresh"' not in report.read_text(encoding="utf-8")
    assert list((folder / "figures").glob("*.png"))


def _of_ratio_50(table: pa.Table) -> pa.Table:
    return table.filter(pc.match_substring(table["cell"], "-r50"))


@pytest.mark.usefixtures("comparison_alone")
def test_python_draws_the_same_report(tmp_path: Path) -> None:
    page = zostudy.report(STORED["quickstart"], tmp_path / "all.html", baseline="spsa")
    assert str(page) == str(tmp_path / "all.html")
    assert "against spsa" in (tmp_path / "all.html").read_text(encoding="utf-8")


def test_several_folders_need_a_place() -> None:
    with pytest.raises(ResultsError, match="name one with `to`"):
        report_command([str(STORED["quickstart"]), str(STORED["sst2-minilm"])])


def test_an_empty_folder_gets_one_line_and_no_report(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="must hold a study") as raised:
        report_command([str(tmp_path)])
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())
