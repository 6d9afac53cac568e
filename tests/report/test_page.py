from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from zostudy.errors import ResultsError
from zostudy.report.page import write_report

QUICKSTART = Path(__file__).resolve().parents[2] / "results" / "reference" / "quickstart"
HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quickstart's report, where one method's label and a label word are markup."""
    folder = tmp_path_factory.mktemp("results") / "quickstart"
    shutil.copytree(QUICKSTART, folder)
    path = folder / "trials" / "merged.parquet"
    table = pq.read_table(path)
    labels = [HOSTILE if label == "zosa" else label for label in table["method"].to_pylist()]
    place = table.schema.get_field_index("method")
    pq.write_table(table.set_column(place, table.schema.field("method"), pa.array(labels)), path)
    study = yaml.safe_load((QUICKSTART / "study.yaml").read_text(encoding="utf-8"))
    study["task"]["label_words"] = [HOSTILE, "good"]
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    write_report([folder], folder / "report.html", baseline="spsa")
    return folder / "report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_draws_all_and_stays_by_itself(
    hostile_report: Path, look: Callable[..., Any], width: int, scheme: str
) -> None:
    page = look(hostile_report, width, scheme)
    assert page.locator(".chart").count() > 10
    assert page.locator("td", has_text=HOSTILE).count()


def test_paper_is_white_and_ink_dark_whatever_the_screen(hostile_report: Path, look: Callable[..., Any]) -> None:
    page = look(hostile_report, scheme="dark")
    inked = ("h1", "td", "pre", ".note", "figcaption", ".chart .role-axis-label text", ".chart .role-title text")

    def brightness() -> dict[str, int]:
        found = {"paper": _brightness(page, "body", "background-color")}
        for selector in inked:
            found[selector] = _brightness(page, selector, "fill" if selector.endswith("text") else "color")
        return found

    screen = brightness()
    assert screen.pop("paper") < 60
    assert min(screen.values()) > 120
    page.emulate_media(media="print", color_scheme="dark")
    paper = brightness()
    assert paper.pop("paper") == 255
    assert max(paper.values()) < 100


def _brightness(page: Any, selector: str, key: str) -> int:
    """Returns the brightest channel of a colour, 0 to 255."""
    colour = page.locator(selector).first.evaluate(f"element => getComputedStyle(element).getPropertyValue('{key}')")
    return max(map(int, re.findall(r"\d+", colour)[:3]))


def test_every_figure_is_there_as_png_and_svg(hostile_report: Path) -> None:
    figures = hostile_report.parent / "figures"
    assert {path.stem for path in figures.glob("*.png")} == {path.stem for path in figures.glob("*.svg")}
    assert len(list(figures.iterdir())) > 20


def test_the_page_is_small_and_holds_the_study_to_the_letter(hostile_report: Path) -> None:
    text = hostile_report.read_text(encoding="utf-8")
    assert len(text.encode()) < 6_000_000
    assert HOSTILE not in text
    shown = text.split("<pre>", 1)[1].split("</pre>", 1)[0].replace("&lt;", "<").replace("&gt;", ">")
    original = (hostile_report.parent / "study.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(shown) == yaml.safe_load(original)


def test_a_folder_without_the_studys_file_gets_one_line(tmp_path: Path) -> None:
    shutil.copytree(QUICKSTART / "trials", tmp_path / "trials")
    with pytest.raises(ResultsError, match=r"study\.yaml cannot be read") as raised:
        write_report([tmp_path], tmp_path / "report.html")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "report.html").exists()


def test_a_place_that_cannot_be_written_gets_one_line(tmp_path: Path, altered: Callable[..., Path]) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ResultsError, match="give another place with --to") as raised:
        write_report([altered(tmp_path / "quickstart")], tmp_path / "file" / "report.html")
    assert "\n" not in str(raised.value)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_report_is_written_beside_results_in_an_object_store(
    s3_uri: Callable[[str], str], tmp_path: Path, altered: Callable[..., Path]
) -> None:
    from zostudy.results.storage import Storage

    folder, place = altered(tmp_path / "kept"), Storage.at(s3_uri("reports/kept"))
    for path in folder.rglob("*.*"):
        place.write(path.relative_to(folder).as_posix(), path.read_bytes())
    write_report([place], place / "report.html")
    figures = place / "figures"
    drawn = re.findall(r'class="chart" id="([^"]+)"', place.read("report.html").decode())
    assert figures.files() == sorted(name + ending for name in drawn for ending in (".png", ".svg"))
    assert figures.read("kept-roc-ratio-10.png")[:4] == b"\x89PNG"
