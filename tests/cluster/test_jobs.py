"""Jobs of a cluster whose client is a fake that records its calls."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from zostudy.cluster.head_node import NotThereError
from zostudy.cluster.jobs import find_job, follow_log, job_results, list_jobs, stop, submit
from zostudy.cluster.shipping import Shipment
from zostudy.errors import ZostudyError

SHIPMENT = Shipment({"name": "sweep", "seed": 0}, ())


def details(job_id: str, status: str = "RUNNING", study: str | None = "sweep", **others: Any) -> SimpleNamespace:
    metadata = {} if study is None else {"zostudy_study": study, "zostudy_results": "/shared"}
    fields = {"start_time": 1_000, "end_time": None, "driver_exit_code": None, "message": None}
    status_word = SimpleNamespace(value=status)
    return SimpleNamespace(submission_id=job_id, status=status_word, metadata=metadata, **(fields | others))


@dataclass
class FakeClient:
    jobs: list[SimpleNamespace] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    submitted: list[dict[str, Any]] = field(default_factory=list)
    answer_lost: bool = False

    def list_jobs(self) -> list[SimpleNamespace]:
        return self.jobs

    def get_job_info(self, job_id: str) -> SimpleNamespace:
        for job in self.jobs:
            if job.submission_id == job_id:
                return job
        raise NotThereError(job_id)

    def get_job_logs(self, job_id: str) -> str:
        return self.logs.pop(0) if len(self.logs) > 1 else self.logs[0]

    def stop_job(self, job_id: str) -> bool:
        self.get_job_info(job_id).status.value = "STOPPED"
        return True

    def submit_job(self, **request: Any) -> str:
        if self.answer_lost and self.submitted:
            raise RuntimeError("status code 500: ValueError: Job with submission_id x already exists.")
        self.submitted.append(request)
        return "ignored"


@dataclass
class FakeHead:
    client: FakeClient = field(default_factory=FakeClient)
    address: str = "http://head:8265"
    on_this_machine: bool = False

    connections: list[list[str]] = field(default_factory=list)

    def tail(self, job_id: str) -> Iterator[str]:
        yield from self.connections.pop(0)

    def ask(self, request: Callable[[Any], Any]) -> Any:
        if self.client.answer_lost:
            request(self.client)
        return request(self.client)

    def check_version(self) -> None:
        """Both sides are the same here."""


def test_a_job_says_whose_it_is_and_runs_the_study_on_the_head() -> None:
    head: Any = FakeHead()
    job_id = submit(head, SHIPMENT, "/shared folder")
    (request,) = head.client.submitted
    assert request["submission_id"] == job_id
    assert re.fullmatch(r"sweep-\d{8}-\d{6}-[0-9a-f]{4}", job_id)
    assert request["metadata"] == {
        "zostudy_study": "sweep",
        "zostudy_digest": SHIPMENT.digest,
        "zostudy_results": "/shared folder",
    }
    assert request["entrypoint"] == "python -m zostudy run study.yaml --address auto --results '/shared folder'"
    assert request["entrypoint_num_cpus"] == 0
    assert submit(head, SHIPMENT, "/shared folder") != job_id


def test_a_head_on_this_machine_runs_the_study_with_this_python() -> None:
    head: Any = FakeHead(on_this_machine=True)
    submit(head, SHIPMENT, "/r")
    command = f"$(command -v {sys.executable} || echo python) -m zostudy run study.yaml"
    assert head.client.submitted[0]["entrypoint"].startswith(command)


def test_no_secret_goes_into_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "a-secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    head: Any = FakeHead()
    submit(head, SHIPMENT, "/r")
    assert "a-secret" not in str(head.client.submitted)


def test_a_job_whose_answer_was_lost_is_submitted_once() -> None:
    head: Any = FakeHead(FakeClient(answer_lost=True))
    job_id = submit(head, SHIPMENT, "/r")
    assert [request["submission_id"] for request in head.client.submitted] == [job_id]


@pytest.mark.parametrize("status", ["RUNNING", "PENDING"])
def test_a_study_that_runs_already_is_refused_by_the_name_of_its_job(status: str) -> None:
    head: Any = FakeHead(FakeClient([details("sweep-1", status)]))
    with pytest.raises(ZostudyError) as refused:
        submit(head, SHIPMENT, "/shared")
    assert refused.value.got == f"sweep-1 is {status.lower()}"
    assert head.client.submitted == []
    submit(head, SHIPMENT, "/elsewhere")
    submit(head, Shipment({"name": "other"}, ()), "/shared")
    assert len(head.client.submitted) == 2


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "STOPPED"])
def test_a_study_that_has_ended_is_submitted_again(status: str) -> None:
    head: Any = FakeHead(FakeClient([details("sweep-1", status)]))
    submit(head, SHIPMENT, "/shared")
    assert len(head.client.submitted) == 1


def test_only_our_jobs_are_listed_the_oldest_first() -> None:
    ours = [details("b", start_time=3_000), details("a", start_time=2_000)]
    others = [details("c", study=None), details("d")]
    others[1].submission_id = None
    head: Any = FakeHead(FakeClient(ours + others))
    assert [job.id for job in list_jobs(head)] == ["a", "b"]


@pytest.mark.parametrize("job_id", ["nobody", "theirs", "../api", "", "a b"])
def test_a_job_that_is_none_of_ours_is_unknown(job_id: str) -> None:
    head: Any = FakeHead(FakeClient([details("ours"), details("theirs", study=None)]))
    with pytest.raises(ZostudyError) as unknown:
        find_job(head, job_id)
    assert repr(job_id) in unknown.value.rule
    assert unknown.value.remedy == "the last ones are ours"


def test_a_beginning_names_a_job_that_alone_begins_so() -> None:
    head: Any = FakeHead(FakeClient([details("sweep-1a"), details("sweep-2b"), details("sweep", study=None)]))
    assert find_job(head, "sweep-2").id == "sweep-2b"
    with pytest.raises(ZostudyError, match=r"several jobs begin with 'swe'; .*sweep-1a or sweep-2b"):
        find_job(head, "swe")


@pytest.mark.parametrize(
    ("status", "exit_code", "outcome"),
    [
        ("SUCCEEDED", 0, 0),
        ("FAILED", 1, 1),
        ("FAILED", 2, 2),
        ("FAILED", 130, 130),
        ("FAILED", 137, 1),
        ("FAILED", None, 1),
        ("STOPPED", None, 130),
    ],
)
def test_the_outcome_is_that_of_the_study(status: str, exit_code: int | None, outcome: int) -> None:
    head: Any = FakeHead(FakeClient([details("ours", status, driver_exit_code=exit_code)]))
    assert find_job(head, "ours").outcome == outcome


def test_a_log_is_followed_without_gap_or_repetition_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection begins with the log's beginning, and may be lost."""
    job = details("ours")
    head: Any = FakeHead(FakeClient([job], logs=["one\ntwo\n", "one\ntwo\nthree\n", "one\ntwo\nthree\nfour"]))
    head.connections = [["one\n", "tw"], [], ["one\ntwo\nth", "ree\n"]]
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(head.client.logs) == 1:
            job.status.value = "SUCCEEDED"

    monkeypatch.setattr("time.sleep", sleep)
    assert list(follow_log(head, "ours")) == ["one\n", "tw", "o\n", "three\n", "four"]
    assert pauses == [1.0] * 2


def test_a_stopped_job_is_returned_as_it_then_is() -> None:
    head: Any = FakeHead(FakeClient([details("ours")]))
    assert stop(head, "ours").status == "stopped"


def test_results_that_every_node_knows_are_taken_as_they_are() -> None:
    assert job_results("/shared/results", FakeHead()) == "/shared/results"  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [None, "results"])
def test_relative_results_are_for_a_head_on_this_machine(
    given: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here: Any = FakeHead(on_this_machine=True)
    assert job_results(given, here) == str(tmp_path / "results")
    with pytest.raises(ZostudyError) as refused:
        job_results(given, FakeHead())  # type: ignore[arg-type]
    assert refused.value.got == f"`results` is {given or 'not given'}"


def test_results_in_an_object_store_are_taken_but_never_with_a_password() -> None:
    uri = "s3://bucket/studies?region=eu-west-1"
    assert job_results(uri, FakeHead()) == uri  # type: ignore[arg-type]
    with pytest.raises(ZostudyError, match="must not hold a password") as refused:
        job_results("s3://key:a-secret@bucket", FakeHead())  # type: ignore[arg-type]
    assert "a-secret" not in str(refused.value)
