"""Storage and ledger, in a folder and in object stores on loopback."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pyarrow as pa
import pytest

from zostudy.errors import ResultsError
from zostudy.results.checkpoints import Checkpoints
from zostudy.results.ledger import Ledger
from zostudy.results.repair import has_lost_noise_floor, set_damage_aside
from zostudy.results.results import load_results
from zostudy.results.schema import SCHEMAS
from zostudy.results.storage import Storage
from zostudy.results.stored_tables import TABLES_OF_A_TRIAL, read_table
from zostudy.results.uris import is_uri

MakeStorage = Callable[[], Storage]


@pytest.fixture(params=["folder", "s3", "gs"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty storage in a folder, and one in each kind of object store."""
    if request.param == "folder":
        return Storage.at(tmp_path / "made")
    uri = request.getfixturevalue(f"{request.param}_uri")(uuid4().hex)
    return Storage.at(uri)


@pytest.mark.slow
def test_a_file_is_what_was_written_last(storage: Storage) -> None:
    storage.make()
    assert not storage.exists("a")
    assert storage.write_time("a") is None
    with pytest.raises(FileNotFoundError):
        storage.read("a")
    storage.write("a", b"first")
    storage.write("a", b"second, " * 1_000_000)
    (storage / "b").make()
    (storage / "b").write("c.txt", b"")
    assert (storage.read("a"), (storage / "b").read("c.txt")) == (b"second, " * 1_000_000, b"")
    assert (storage.files(), storage.folders(), (storage / "b").files(".txt")) == (["a"], ["b"], ["c.txt"])
    assert storage.exists("a")
    assert not storage.exists("b")
    assert storage.is_folder()
    assert (storage / "b").is_folder()
    assert storage.write_time("a") is not None
    assert storage.write_times("") == {"a": storage.write_time("a")}
    assert (list((storage / "b").write_times(".txt")), storage.write_times(".txt")) == (["c.txt"], {})
    assert str((storage / "b").parent) == str(storage)
    storage.move("a", "d/e")
    assert (storage.files(), (storage / "d").files()) == ([], ["e"])
    (storage / "d").remove("e")
    (storage / "d").remove("e")
    assert (storage / "d").files() == []


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["s3", "gs"], indirect=True)
def test_a_file_that_is_removed_while_it_is_read_cannot_be_read(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def then_removed(self: Storage, name: str) -> pa.NativeFile:
        file = open_(self, name)
        self.remove(name)
        return file

    open_ = Storage.open
    monkeypatch.setattr(Storage, "open", then_removed)
    storage.write("a", b"first")
    with pytest.raises(OSError):  # noqa: PT011  # each store has words of its own
        storage.read("a")


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "page.html").mkdir()
    with pytest.raises(ResultsError, match="it is a folder, a pipe or a device"):
        Storage.at(tmp_path).write("page.html", b"text")
    assert [path.name for path in tmp_path.rglob("*")] == ["page.html"]


def test_a_storage_is_found_again_by_what_it_calls_itself(storage: Storage) -> None:
    below = storage / "study"
    below.make()
    below.write("a", b"found")
    assert Storage.at(str(below)).read("a") == b"found"
    assert str(Storage.at(str(below))) == str(below)
    assert below.name == "study"
    assert is_uri(str(below)) == (below.folder is None)


def test_the_root_is_a_folder_like_others() -> None:
    root = Storage.at("/")
    assert (Storage.at("/report.html").parent, root.parent) == (root, root)
    assert (str(root / "tmp"), root.is_folder(), (root / "tmp").is_folder()) == ("/tmp", True, True)
    assert Storage.at("/tpm").suggestion("") == "did you mean /tmp?"


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_the_environment_says_where_the_store_is(
    s3_uri: Callable[[str], str], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = s3_uri(uuid4().hex)
    Storage.at(uri).write("a", b"found")
    monkeypatch.setenv(variable, f"http://{uri.rpartition('=')[2]}/")
    assert Storage.at(uri.partition("?")[0]).read("a") == b"found"


@pytest.mark.slow
def test_a_ledger_holds_the_same_wherever_it_is(
    make_outcome: Callable[..., Any], storage: Storage, tmp_path: Path
) -> None:
    stored = []
    for where in (tmp_path / "here", storage):
        ledger = Ledger(where)
        for number in range(3):
            ledger.record(make_outcome(number=number))
        ledger.write_study({"name": "made", "seed": 0}, {"zostudy": "0"})
        assert ledger.check_extends({"name": "made", "seed": 0}) == ()
        with pytest.raises(ResultsError, match="seed: 0 -> 1"):
            ledger.check_extends({"name": "made", "seed": 1})
        stored.append({table: read_table(where, table) for table in SCHEMAS})
        checkpoints = Checkpoints(where)
        checkpoints.save("long", {"step": 3})
        loaded = Checkpoints(where).load("long")
        assert loaded is not None
        assert {name: int(value) for name, value in loaded.items()} == {"step": 3}
        checkpoints.remove("long")
        assert Checkpoints(where).load("long") is None
    assert stored[0] == stored[1]
    assert len(load_results(storage).history) == 9
    assert len(load_results(str(storage)).trials) == 3


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "report.html")
    with pytest.raises(ResultsError, match="it is a folder, a pipe or a device"):
        Storage.at(tmp_path).write("report.html", b"page")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").is_fifo()


def test_hidden_files_are_no_results(make_outcome: Callable[..., Any], tmp_path: Path) -> None:
    Ledger(tmp_path / "made").record(make_outcome())
    for table in TABLES_OF_A_TRIAL:
        before = read_table(tmp_path / "made", table)
        for name in ("._zosa.parquet", ".nfs000001.parquet"):
            (tmp_path / "made" / table / name).write_bytes(b"of another program")
        assert read_table(tmp_path / "made", table).equals(before)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("storage", "table", "harm"),
    [
        *product(["folder"], ["trials", "history"], ["cut", "zeros", "gone"]),
        ("s3", "history", "cut"),  # what is torn is the same wherever it is, and a store is slow
        ("gs", "trials", "zeros"),
    ],
    indirect=["storage"],
)
def test_a_torn_file_is_set_aside_and_its_trial_runs_again(
    make_outcome: Callable[..., Any], storage: Storage, table: str, harm: str
) -> None:
    ledger = Ledger(storage)
    for number in range(2):
        ledger.record(make_outcome(number=number, sharpness=0.1))
    torn, name = storage / table, "zosa-ratio10-confirm-0001.parquet"
    content = torn.read(name)
    if harm == "gone":
        torn.remove(name)
    else:
        torn.write(name, content[: len(content) // 2] if harm == "cut" else bytes(len(content)))
    lines = set_damage_aside(Ledger(storage).storage)
    if (table, harm) != ("trials", "gone"):
        assert len(lines) == 1
        assert lines[0].startswith(f"set aside: {name} ")
        kept = {t: (storage / "damaged" / t).files() for t in TABLES_OF_A_TRIAL}
        there = [t for t in kept if not (t == table and harm == "gone")]
        assert kept == {t: ["zosa-ratio10-confirm-0001-0.parquet"] if t in there else [] for t in kept}
    assert [trial.trial for trial in ledger.trials()] == ["zosa-ratio10-confirm-0000"]
    assert set_damage_aside(Ledger(storage).storage) == []
    ledger.record(make_outcome(number=1))
    assert len(load_results(storage).history) == 6


def test_what_is_whole_but_foreign_is_refused_and_stays(make_outcome: Callable[..., Any], tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_outcome())
    foreign = tmp_path / "trials" / "foreign.parquet"
    pa.parquet.write_table(pa.table({"a": [1]}), foreign)
    with pytest.raises(ResultsError, match=r"foreign\.parquet is something else; move it away"):
        set_damage_aside(ledger.storage)
    assert foreign.exists()


def test_a_noise_floor_that_is_torn_is_measured_again(make_noise_floor: Callable[..., Any], tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record_noise_floor([make_noise_floor()])
    assert not has_lost_noise_floor(ledger.storage)
    (tmp_path / "noise_floor" / "cells.parquet").write_bytes(b"PAR1")
    assert [line.split()[2] for line in set_damage_aside(ledger.storage)] == ["noise_floor/cells.parquet"]
    assert has_lost_noise_floor(Ledger(tmp_path).storage)
    assert ledger.noise_floor() == []


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("s3://key:a-secret@bucket/path", "must not hold a password, but this s3 URI does"),
        ("s3://bucket/path?endpoint_override=http://key:a-secret@host", "but this s3 URI does"),
        ("s3://bucket/path?endpoint_override=key:a-secret%40host", "but this s3 URI does"),
        ("s3://bucket/path?endpoint_override=a-secret%2Fhost", "endpoint_override once and in its usual form"),
        ("ftp://bucket/path", r"or file:///path, but this ftp URI is not; give one of these"),
        ("my-store://bucket/path", r"or file:///path, but this URI is not; give one of these"),
        ("s3:/bucket/path", "but this s3 URI is not; give one"),
        ("s3//bucket/path", "but this s3 URI is not; give one"),
        ("s3://a-secret:/path", "but this s3 URI is not; give one"),
        ("s3://bucket/path#a-secret", "but this s3 URI is not; give one"),
        (" s3://bucket/path", "but this s3 URI is not; give one"),
        ("s3://", "but this s3 URI is not; give one"),
        ("s3:///path", "but this s3 URI is not; give one"),
        ("file://host/path", "but this file URI is not; give one"),
        ("file:///path?a=1", "may hold nothing, but that of this file URI holds something else; leave"),
        ("s3://bucket/path?region=r&secret=a-secret", "that of this s3 URI holds something else; leave"),
        ("s3://bucket/path?regoin=a-secret", "did you mean region?"),
        ("s3://bucket/path?region=r&region=s", "region once"),
        ("gs://bucket/path?region=r", "may hold endpoint_override, scheme, but"),
        ("", "but '' is empty"),
        (" \t", r"but ' \\t' is empty"),
        ("a\0b", "has a NUL character"),
        ("\udcff", "is not UTF-8"),
        ("~no-such-user/a", "unknown user"),
    ],
)
def test_a_uri_that_cannot_be_used_is_told_in_a_line(uri: str, message: str) -> None:
    with pytest.raises(ResultsError, match=message) as refused:
        Storage.at(uri)
    assert "\n" not in str(refused.value)
    assert "a-secret" not in str(refused.value)


def test_a_folder_whose_name_python_could_not_decode_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "r\udcffs"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(ResultsError, match=r"but '/.*/r\\udcffs/results' is not UTF-8; give another one"):
        Storage.at("results")
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "ascii")
    with pytest.raises(ResultsError, match=r"is not ascii, in which this process reads names; set PYTHONUTF8=1, or"):
        Storage.at("results")


class Proxy:
    """Stands before the S3 server: does something once, after a number of bytes of requests."""

    def __init__(self, uri: str, after: int, do: Callable[[], None]) -> None:
        self._server, self._listening = urlsplit(f"//{uri.rpartition('=')[2]}"), socket.create_server(("127.0.0.1", 0))
        self._left, self._do = after, do
        self.uri = f"{uri.rpartition('=')[0]}=127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, server = (
                self._listening.accept()[0],
                socket.create_connection((self._server.hostname, self._server.port)),
            )
            threading.Thread(target=self._forward, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._forward, args=(server, client, False), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        with suppress(OSError), source, target:
            while content := source.recv(2**16):
                before, self._left = self._left, self._left - len(content) * counts
                if self._left < 0 <= before:
                    self._do()
                target.sendall(content)


def test_an_upload_that_fails_leaves_no_part_of_an_object(s3_uri: Callable[[str], str]) -> None:
    uri = s3_uri(uuid4().hex)

    def fail() -> None:
        raise OSError("the connection broke")

    storage = Storage.at(Proxy(uri, 5_000_000, fail).uri)
    storage.write("small", b"whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zostudy.results.filesystems.MOST_TRIES", 1)
        once = Storage.at(Proxy(uri, 5_000_000, fail).uri)
    with pytest.raises(ResultsError, match="must be writable"):
        once.write("large", bytes(20_000_000))
    assert Storage.at(uri).files() == ["small"]
    storage.write("large", b"1" * 20_000_000)  # which breaks once, and is tried again
    assert Storage.at(uri).read("large") == b"1" * 20_000_000


def test_an_upload_that_is_interrupted_leaves_the_object_whole(s3_uri: Callable[[str], str]) -> None:
    uri = s3_uri(uuid4().hex)
    storage = Storage.at(Proxy(uri, 0, lambda: os.kill(os.getpid(), signal.SIGINT)).uri)
    with pytest.raises(KeyboardInterrupt):
        storage.write("a", b"whole")
    for thread in threading.enumerate():
        if thread.name.startswith("ThreadPoolExecutor"):
            thread.join()
    assert Storage.at(uri).read("a") == b"whole"


def test_a_bucket_that_is_not_there_is_told_in_a_line(s3_uri: Callable[[str], str]) -> None:
    with pytest.raises(ResultsError, match=r"must be writable, but .*other/x.* is not \(.*bucket does not exist.*\)"):
        Ledger(Storage.at(s3_uri("x").replace("s3://studies", "s3://other")))


def test_a_store_that_does_not_answer_is_told_in_a_line(s3_uri: Callable[[str], str]) -> None:
    with pytest.raises(ResultsError, match=r"(Could not|Couldn't|Failed to) connect"):
        load_results("s3://studies/x?endpoint_override=127.0.0.1:1&scheme=http&region=us-east-1")
