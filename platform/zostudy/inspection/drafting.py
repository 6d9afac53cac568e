"""The study that suits inspected data, as plain data: what a user may want to change, and no other key."""

from __future__ import annotations

from typing import Any

from zostudy.config.model import ModelSpec
from zostudy.config.ratios import ALL, NATURAL
from zostudy.config.study import BudgetSpec, ConfirmSpec, ImbalanceSpec, SearchSpec, StudySpec
from zostudy.errors import DataError
from zostudy.inspection.facts import DataFacts, ModelFacts

METHODS = ("untuned", "random-search", "bpt-fzg", "zosa")
IMBALANCED = 2.0
"""The least natural ratio at which the data is imbalanced enough to be taken as it is."""
RATIOS = (1, 10, 50)
MOST_DEV_ROWS = 500


def draft(inspection: DataFacts, model: ModelFacts) -> dict[str, Any]:
    """Returns the study; the path of the data is that of the inspection.

    A label word is empty where the model has none for a class.

    Args:
        inspection: of the data.
        model: what the model makes of it.

    Raises:
        DataError: a class has too few rows for train and dev.
    """
    _check_rows(inspection)
    return {
        "name": inspection.task.name,
        "model": {"name": model.name, **_defaults(ModelSpec, "prompt_tokens")},
        "task": _task(inspection, model),
        "imbalance": _imbalance(inspection) | _defaults(ImbalanceSpec, "sampler"),
        "methods": list(METHODS),
        "budget": _budget(len(inspection.classes)),
        "search": _defaults(SearchSpec, "trials"),
        "confirm": _defaults(ConfirmSpec, "seeds"),
        **_defaults(StudySpec, "seed"),
    }


def _defaults(section: Any, *keys: str) -> dict[str, Any]:
    return {key: section.model_fields[key].default for key in keys}


def _budget(n_classes: int) -> dict[str, Any]:
    """Returns the default budget, with batches that can hold every class, as stratified ones must."""
    budget = _defaults(BudgetSpec, "queries", "batch_size", "evaluations")
    return budget | {"batch_size": max(budget["batch_size"], n_classes)}


def _task(inspection: DataFacts, model: ModelFacts) -> dict[str, Any]:
    task, wording = inspection.task, model.asking.wording
    rare = [each.name for each in inspection.classes if each.rare]
    splits = {} if task.splits is None else {"splits": task.splits.model_dump(mode="json", exclude_none=True)}
    return {
        "name": task.name,
        "file": task.file,
        "text": task.text,
        **({} if task.second_text is None else {"second_text": task.second_text}),
        "label": task.label,
        **splits,
        "template": wording.template.source,
        "label_words": list(wording.label_words),
        "minority": rare[0] if len(inspection.classes) == 2 else rare,
        "truncate": model.too_long > 0,
    }


def _imbalance(inspection: DataFacts) -> dict[str, Any]:
    """Returns the data as it is, with a dev split of a bearable size; or ratios that nearly equal classes can give."""
    train, own_dev = inspection.available.train, inspection.available.dev
    if inspection.natural_ratio >= IMBALANCED:
        for_dev = own_dev or tuple(count // 4 for count in train)
        bearable = MOST_DEV_ROWS * min(for_dev) // max(1, sum(for_dev))
        return {"ratios": [NATURAL], "minority_size": ALL, "dev_minority_size": max(1, min(*for_dev, bearable))}
    room = min(*train, *own_dev) if own_dev else min(train) // 2
    size = min(ImbalanceSpec.model_fields["minority_size"].default, room)
    return {"ratios": [ratio for ratio in RATIOS if ratio * size <= room], "minority_size": size}


def _check_rows(inspection: DataFacts) -> None:
    least = 2 if inspection.available.dev is None else 1
    for each in inspection.classes:
        if each.candidates < least:
            raise DataError(
                f"each class needs {least} rows or more for train and dev",
                got=f"{each.name!r} has {each.candidates} (repeats and texts of test not counted)",
                remedy="supply more, or remove the class",
                about=inspection.file,
            )
