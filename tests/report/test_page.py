from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from zostudy.errors import ResultsError
from zostudy.report.charts import COLOURS
from zostudy.report.page import _page, write_report
from zostudy.report.parts import ReportSection, StudyReport
from zostudy.report.sections import read_study_file
from zostudy.results.storage import Storage
from zostudy.results.table_formats import Table

QUICKSTART = Path(__file__).resolve().parents[1] / "data" / "quickstart"
HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quickstart's report, where one method's label and a label word are markup."""
    folder = tmp_path_factory.mktemp("results") / "quickstart"
    shutil.copytree(QUICKSTART, folder)
    path = folder / "trials" / "merged.parquet"
    table = pq.read_table(path)
    labels = [HOSTILE if label == "zosa" else label for label in table["method"].to_pylist()]
    index = table.schema.get_field_index("method")
    pq.write_table(table.set_column(index, table.schema.field("method"), pa.array(labels)), path)
    study = yaml.safe_load((QUICKSTART / "study.yaml").read_text(encoding="utf-8"))
    study["task"]["label_words"] = [HOSTILE, "good"]
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zostudy.report.page._draw", lambda specs, folder: None)
        write_report([folder], folder / "report.html", baseline="spsa")
    return folder / "report.html"


@pytest.fixture(scope="module")
def light(hostile_report: Path, look: Callable[..., Any]) -> Any:
    """The page of the report on a wide screen. Tests leave it as they found it."""
    return look(hostile_report)


@pytest.fixture(scope="module")
def dark(hostile_report: Path, look: Callable[..., Any]) -> Any:
    """The page of the report on a telephone in the dark. Tests leave it as they found it."""
    return look(hostile_report, 400, "dark")


@contextmanager
def printed(page: Any) -> Iterator[None]:
    page.emulate_media(media="print")
    try:
        yield
    finally:
        page.emulate_media(media="screen")


@pytest.mark.slow
@pytest.mark.parametrize("screen", ["light", "dark"])
def test_the_page_draws_all_and_stays_by_itself(screen: str, request: pytest.FixtureRequest) -> None:
    page = request.getfixturevalue(screen)
    assert page.locator(".chart").count() > 10
    assert page.locator("td", has_text=HOSTILE).count()


@pytest.mark.slow
def test_paper_is_white_and_ink_dark_whatever_the_screen(dark: Any) -> None:
    inked = ("h1", "td", "pre", ".note", ".caption", ".chart .role-axis-label text", ".chart .role-title text")

    def brightness() -> dict[str, int]:
        found = {"paper": _brightness(dark, "body", "background-color")}
        for selector in inked:
            found[selector] = _brightness(dark, selector, "fill" if selector.endswith("text") else "color")
        return found

    screen = brightness()
    assert screen.pop("paper") < 60
    assert min(screen.values()) > 120
    with printed(dark):
        paper = brightness()
    assert paper.pop("paper") == 255
    assert max(paper.values()) < 100


def _brightness(page: Any, selector: str, key: str) -> int:
    """Returns the brightest channel of a colour, 0 to 255."""
    colour = page.locator(selector).first.evaluate(f"element => getComputedStyle(element).getPropertyValue('{key}')")
    return max(map(int, re.findall(r"\d+", colour)[:3]))


@pytest.mark.slow
def test_on_paper_charts_keep_to_their_columns(light: Any) -> None:
    screen = light.viewport_size
    drawn_for_the_screen = max(chart.bounding_box()["width"] for chart in light.locator(".chart svg").all())
    with printed(light):
        light.set_viewport_size({"width": 718, "height": 1046})  # A4 at 96 dots an inch, less 10 mm on each side
        boxes = [chart.bounding_box() for chart in light.locator(".chart svg").all()]
        columns = [figure.bounding_box() for figure in light.locator("figure").all()]
        assert not any(hint.is_visible() for hint in light.locator(".hint, nav").all())
    light.set_viewport_size(screen)
    assert drawn_for_the_screen > max(column["width"] for column in columns)  # else nothing had to shrink
    for box, column in zip(boxes, columns, strict=True):
        assert box["x"] >= column["x"]
        assert box["x"] + box["width"] <= column["x"] + column["width"] + 1
        assert box["y"] + box["height"] <= column["y"] + column["height"] + 1


@pytest.mark.slow
def test_a_method_that_the_legend_hides_leaves_nothing_to_point_at(light: Any) -> None:
    selector = "#quickstart-test_auc-by-ratio .role-mark.mark-symbol path"
    chart, points = light.locator("#quickstart-test_auc-by-ratio"), light.locator(selector)
    assert points.count() == 9
    assert not chart.locator(".role-legend").count()
    legend = light.locator(".legend button[data-method=bpt-fzg]").first
    legend.click()
    light.wait_for_function(f"document.querySelectorAll('{selector}').length == 3")
    assert light.locator(".legend [aria-pressed=false][data-method=spsa]").count() > 3
    points.first.hover()
    tip = light.locator("#vg-tooltip-element.visible")
    assert tip.locator("tr", has_text="method").inner_text().split() == ["method", "bpt-fzg"]
    assert len(tip.locator("tr", has_text="mean").inner_text().split()[-1]) <= len("0.1234")
    legend.click()
    light.wait_for_function(f"document.querySelectorAll('{selector}').length == 9")


@pytest.mark.slow
def test_alike_figures_share_their_axes_until_a_reader_looks_closer(light: Any) -> None:
    axes = """() => [...document.querySelectorAll(".chart[id*=loss-slices]")].map(
        chart => [...chart.querySelectorAll(".role-axis-label")].at(-1)?.textContent)"""
    shared = light.evaluate(axes)
    assert shared[0]
    assert shared == shared[:1] * 3
    box = light.locator("section", has=light.locator("#quickstart-loss-slices-ratio-1")).locator("input")
    box.check()
    light.wait_for_function(f"() => ({axes})().every(Boolean) && new Set(({axes})()).size > 1")
    box.uncheck()
    light.wait_for_function(f"shared => ({axes})().every(axis => axis == shared[0])", arg=shared)


@pytest.mark.slow
def test_trials_are_sorted_and_filtered(light: Any) -> None:
    part = light.locator("section", has=light.locator("input[type=search]"))
    rows, heading = part.locator("tbody tr:not([hidden])"), part.locator("th", has_text="dev AUC")
    index = part.locator("th").all_inner_texts().index("dev AUC")
    every = rows.count()
    heading.click()
    values = [float(row.split("\t")[index].replace("-", "-inf")) for row in rows.all_inner_texts()]
    assert values == sorted(values, reverse=True)
    heading.click()
    assert rows.first.inner_text().split("\t")[index] == f"{min(values):.3f}"
    part.locator("input").fill("spsa R10-search")
    assert 0 < rows.count() < every
    assert all("spsa-r10-search" in row for row in rows.all_inner_texts())
    part.locator("input").fill("")
    assert rows.count() == every


@pytest.mark.slow
def test_contents_lead_to_every_part(light: Any) -> None:
    links = [link.get_attribute("href") for link in light.locator("nav a").all()]
    assert len(links) == len(set(links)) == light.locator("section").count()
    assert all(light.locator(link).count() == 1 for link in links)


@pytest.mark.slow
def test_legends_of_planes_are_whole(light: Any) -> None:
    for chart in light.locator(".chart[id*=planes] svg").all():
        frame = chart.bounding_box()
        for label in chart.locator(".role-legend-label text").all():
            box = label.bounding_box()
            assert frame["x"] <= box["x"]
            assert box["x"] + box["width"] <= frame["x"] + frame["width"]


@pytest.mark.slow
def test_figures_of_an_earlier_report_go_and_other_files_stay(
    tmp_path: Path, altered: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = altered(tmp_path / "kept")
    write_report([folder], folder / "report.html")
    figures = folder / "figures"
    (figures / "kept-mine.png").write_bytes(b"mine")
    before = {path.name for path in figures.iterdir()}
    shutil.rmtree(folder / "landscape")
    monkeypatch.setattr("zostudy.report.page._draw", lambda specs, folder: None)
    write_report([folder], folder / "report.html", watch=True)
    gone = before - {path.name for path in figures.iterdir()}
    assert gone == {name for name in before if "-loss-" in name or "-sharpness-by" in name}
    assert "kept-loss-slices-ratio-10.svg" in gone
    assert (figures / "kept-mine.png").read_bytes() == b"mine"


@pytest.mark.slow
def test_a_method_keeps_its_colour_on_every_page(
    tmp_path: Path, altered: Callable[..., Path], page_alone: None
) -> None:
    first, second = altered(tmp_path / "first", trials=without_zosa), altered(tmp_path / "second")
    study = yaml.safe_load((second / "study.yaml").read_text(encoding="utf-8"))
    (first / "study.yaml").write_text(yaml.safe_dump(study | {"methods": ["zosa", {"spsa": {}}, "bpt-fzg"]}))
    write_report([first, second], tmp_path / "report.html", watch=True)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    before, after = text.split("<h2>second</h2>")
    pattern = r'<button type="button" data-method="([^"]+)"><i class="dot" style="--colour: (#\w+)">'
    assert set(re.findall(pattern, after)) == {(method, COLOURS[method]) for method in ("zosa", "spsa", "bpt-fzg")}
    assert set(re.findall(pattern, before)) == {(method, COLOURS[method]) for method in ("spsa", "bpt-fzg")}
    assert "<h2>first</h2>" in text
    assert text.count(">Result</h3>") == 2


def without_zosa(trials: pa.Table) -> pa.Table:
    return trials.filter(pc.not_equal(trials["method"], "zosa"))


@pytest.mark.slow
def test_the_page_is_small_and_holds_the_study_to_the_letter(hostile_report: Path) -> None:
    text = hostile_report.read_text(encoding="utf-8")
    assert len(text.encode()) < 3_000_000
    assert HOSTILE not in text
    shown = text.split("<pre>", 1)[1].split("</pre>", 1)[0].replace("&lt;", "<").replace("&gt;", ">")
    original = (hostile_report.parent / "study.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(shown) == yaml.safe_load(original)


def test_a_table_has_its_line_and_shades_shares_alone() -> None:
    table = Table(("class", "share"), (("100%", "25%"), ("few", "75%")), text_columns=1, below=1)
    page = _page("one", [StudyReport("one", "", "", (ReportSection("Classes", tables=(table,)),), {})], {}, False)
    first, second = re.findall("<tr.*?>.*?</tr>", page.partition("<tbody>")[2].partition("</tbody>")[0], re.DOTALL)
    assert re.findall('--share: (.*?)"', first + second) == ["25%", "75%"]
    assert (first.startswith("<tr>"), second.startswith('<tr class="below">')) == (True, True)


def test_a_folder_without_the_studys_file_gets_one_line(tmp_path: Path) -> None:
    shutil.copytree(QUICKSTART / "trials", tmp_path / "trials")
    with pytest.raises(ResultsError, match=r"study\.yaml is missing; put it back, or give a folder") as raised:
        write_report([tmp_path], tmp_path / "report.html")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(("name", "told"), [("another", "another"), ("[a]", r"\['a'\]")])
def test_the_file_of_another_study_is_refused(tmp_path: Path, name: str, told: str) -> None:
    shutil.copytree(QUICKSTART / "trials", tmp_path / "trials")
    (tmp_path / "study.yaml").write_text(f"name: {name}\n")
    with pytest.raises(ResultsError, match=f"is of {told}, and the trials are of quickstart; put the study's own file"):
        read_study_file(Storage.at(tmp_path))


def test_a_studys_file_that_cannot_be_read_is_named_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(self: Storage, name: str) -> bytes:
        raise PermissionError(13, f"Failed to open local file '{self / name}'. Detail: [errno 13] Permission denied")

    monkeypatch.setattr(Storage, "read", refuse)
    with pytest.raises(ResultsError, match=r"study\.yaml cannot be read \(Permission denied\); restore it") as raised:
        read_study_file(Storage.at(tmp_path))
    assert str(raised.value).count(str(tmp_path)) == 1


@pytest.mark.slow
def test_a_place_that_cannot_be_written_gets_one_line(tmp_path: Path, altered: Callable[..., Path]) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ResultsError, match=r"must be writable") as raised:
        write_report([altered(tmp_path / "quickstart")], tmp_path / "file" / "report.html")
    assert "\n" not in str(raised.value)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.slow
def test_a_report_is_written_beside_results_in_an_object_store(
    s3_uri: Callable[[str], str], tmp_path: Path, altered: Callable[..., Path]
) -> None:
    folder, storage = altered(tmp_path / "kept"), Storage.at(s3_uri("reports/kept"))
    for path in folder.rglob("*.*"):
        storage.write(path.relative_to(folder).as_posix(), path.read_bytes())
    write_report([storage], storage / "report.html")
    figures = storage / "figures"
    drawn = re.findall(r'class="chart" id="([^"]+)"', storage.read("report.html").decode())
    assert figures.files() == sorted(name + ending for name in drawn for ending in (".png", ".svg"))
    assert figures.read("kept-roc-ratio-10.png")[:4] == b"\x89PNG"
