from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from zostudy.errors import ResultsError
from zostudy.report.page import write_report

QUICKSTART = Path(__file__).resolve().parents[2] / "results" / "reference" / "quickstart"
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quickstart's report, where one method's label is markup."""
    folder = tmp_path_factory.mktemp("results") / "quickstart"
    shutil.copytree(QUICKSTART, folder)
    path = folder / "trials" / "quickstart.parquet"
    table = pq.read_table(path)
    labels = [HOSTILE if label == "zosa" else label for label in table["method"].to_pylist()]
    place = table.schema.get_field_index("method")
    pq.write_table(table.set_column(place, table.schema.field("method"), pa.array(labels)), path)
    return write_report([folder], folder / "report.html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.is_file():
        pytest.skip(f"there is no {CHROMIUM} on this machine")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_draws_all_and_stays_by_itself(hostile_report: Path, browser: Any, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said, requested, dialogs = [], [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: requested.append(request.url))
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(hostile_report.as_uri())
    page.wait_for_selector("body[data-drawn]", timeout=60_000)
    assert page.locator(".chart svg").count() == page.locator(".chart").count() > 10
    assert not page.locator("img").count()
    assert not said
    assert not dialogs
    assert [url for url in requested if not url.startswith("data:")] == [hostile_report.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_every_figure_is_there_as_png_and_svg(hostile_report: Path) -> None:
    figures = hostile_report.parent / "figures"
    assert {path.stem for path in figures.glob("*.png")} == {path.stem for path in figures.glob("*.svg")}
    assert len(list(figures.iterdir())) > 20


def test_the_page_is_small_and_holds_the_study_to_the_letter(hostile_report: Path) -> None:
    text = hostile_report.read_text(encoding="utf-8")
    assert len(text.encode()) < 6_000_000
    assert HOSTILE not in text
    shown = text.split("<pre>", 1)[1].split("</pre>", 1)[0]
    original = (QUICKSTART / "study.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(shown) == yaml.safe_load(original)


def test_a_folder_without_the_studys_file_gets_one_line(tmp_path: Path) -> None:
    shutil.copytree(QUICKSTART / "trials", tmp_path / "trials")
    with pytest.raises(ResultsError, match=r"study\.yaml cannot be read") as raised:
        write_report([tmp_path], tmp_path / "report.html")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "report.html").exists()
