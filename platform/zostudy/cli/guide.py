"""``zostudy guide``: lists and prints the guides."""

from __future__ import annotations

import sys
from importlib.resources import files
from typing import Annotated

import typer

from zostudy.cli.formats import show
from zostudy.errors import ZostudyError
from zostudy.printing import print_lines, print_text
from zostudy.wording import quoted, suggestion


def guide_command(
    topic: Annotated[
        list[str] | None,
        typer.Argument(metavar="TOPIC", help="The guide's topic, such as cluster. Default: list the topics."),
    ] = None,
) -> None:
    """Read a guide: own data, models and methods, clusters, results, and how zostudy is built."""
    guides = read_guides()
    if not topic:
        show([{"topic": name, "guide": _title(text)} for name, text in guides.items()])
        print_lines("", "next: zostudy guide TOPIC")
        return
    name = "-".join(topic).casefold()
    if name not in guides:
        remedy = suggestion(name, guides, "zostudy guide lists the topics")
        raise ZostudyError("must be a topic", got=f"got {quoted(name)}", remedy=remedy, about="guide")
    _print(guides[name])


def read_guides() -> dict[str, str]:
    """Returns the guides in Markdown by their topics, sorted; ``architecture`` is the package's own README."""
    package = files("zostudy")
    pages = [page for page in (package / "guides").iterdir() if page.name.endswith(".md")]
    guides = {page.name.removesuffix(".md"): page for page in pages} | {"architecture": package / "README.md"}
    return {topic: guides[topic].read_text(encoding="utf-8") for topic in sorted(guides)}


def _title(text: str) -> str:
    return text.splitlines()[0].removeprefix("# ")


def _print(text: str) -> None:
    if not sys.stdout.isatty():
        print_text(text)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))
