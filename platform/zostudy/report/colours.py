"""The colour of each method: the same in every figure of every report, and in the pictures of ``zostudy compare``."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle

COLOURS = {
    "bpt-fzg": "#0072B2",
    "bpt-fzg-sam": "#009E73",
    "cma-es": "#CC79A7",
    "cma-es-spsa": "#6A9A3A",
    "fzoo": "#D55E00",
    "linear-probe": "#8F8F2B",
    "mezo-momentum": "#7B6BD6",
    "no-prompt": "#A8A8A8",
    "r-adazo": "#2BA8A8",
    "random-search": "#A5794F",
    "sabo": "#D0454C",
    "spsa": "#56B4E9",
    "untuned": "#767676",
    "white-box": "#B59A1D",
    "zo-adamm": "#B583DB",
    "zosa": "#E69F00",
    "zosa-auc": "#EE8866",
}
"""Of the registered methods; Okabe and Ito's colours come first in use. All show on white and on near black."""


def colours_of(labels: Iterable[str]) -> dict[str, str]:
    """Returns a colour a label: a registered method's own one; others take those left, in alphabetical order.

    With more labels than colours, the colours begin anew.
    """
    named = list(dict.fromkeys(labels))
    left = [colour for method, colour in COLOURS.items() if method not in named]
    others = sorted(label for label in named if label not in COLOURS)
    found = COLOURS | dict(zip(others, cycle(left or COLOURS.values())))
    return {label: found[label] for label in named}
