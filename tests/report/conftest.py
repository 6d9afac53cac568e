from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

QUICKSTART = Path(__file__).resolve().parents[1] / "data" / "quickstart"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

Change = Callable[[pa.Table], pa.Table]


@pytest.fixture(scope="session", autouse=True)
def _few_trees(few_trees: None) -> None:
    """No test of the report looks at importances as numbers."""


@pytest.fixture(scope="session")
def altered() -> Callable[..., Path]:
    """Copies the quickstart's results at ratio 10 to a folder; keywords name a table and what becomes of it."""

    def alter(folder: Path, **changes: Change) -> Path:
        shutil.copytree(QUICKSTART, folder)
        for table in ("trials", "history", "scores", "landscape", "precision"):
            (merged,) = (folder / table).glob("*.parquet")
            path = merged.rename(merged.with_name("ended.parquet"))  # as while a study runs
            rows = pq.read_table(path)
            rows = rows.filter(pc.match_substring(rows["cell"], "-r10"))
            pq.write_table(changes.get(table, lambda same: same)(rows), path)
        return folder

    return alter


@pytest.fixture
def page_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes no figure beside the page, where a test looks at the page alone."""
    monkeypatch.setattr("zostudy.report.page._draw", lambda specs, folder: None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if found is None:
        pytest.skip(f"this machine has none of {', '.join(CHROMIUMS)}")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def look(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page and waits until it has drawn all; fails if it complains, asks, or wants something from elsewhere."""

    def opened(path: Path, width: int = 1280, scheme: str = "light") -> Any:
        said: list[str] = []
        requested: list[str] = []

        def refuse(dialog: Any) -> None:
            said.append(dialog.message)
            dialog.dismiss()

        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.set_default_timeout(120_000)
        pages.append(page)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", refuse)
        page.on("request", lambda request: requested.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-drawn]")
        assert page.locator(".chart svg").count() == page.locator(".chart").count()
        assert not page.locator("img").count()
        assert not said
        assert [url for url in requested if not url.startswith("data:")] == [path.as_uri()]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        return page

    pages: list[Any] = []
    yield opened
    for page in pages:
        page.close()
