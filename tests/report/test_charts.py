from __future__ import annotations

from zostudy.methods import get_method, method_names
from zostudy.report.charts import COLOURS, colours_of


def test_each_registered_method_has_a_colour_of_its_own() -> None:
    built_in = {name for name in method_names() if get_method(name).__module__.startswith("zostudy.")}
    assert set(COLOURS) == built_in
    assert len(set(COLOURS.values())) == len(COLOURS)
    assert colours_of(["zosa", "spsa"]) == {"zosa": COLOURS["zosa"], "spsa": COLOURS["spsa"]}


def test_other_labels_take_colours_that_are_left_whatever_their_order() -> None:
    labels = ["ce-stratified", "bpt-fzg", "ce-natural"]
    assert colours_of(labels) == colours_of(labels[::-1])
    assert colours_of(labels)["bpt-fzg"] == COLOURS["bpt-fzg"]
    assert len(set(colours_of(labels).values())) == 3
    many = colours_of([f"method-{number}" for number in range(40)])
    assert set(many.values()) == set(COLOURS.values())
