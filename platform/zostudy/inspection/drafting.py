"""The study that suits inspected data, as plain data: what a user may want to change, and no other key."""

from __future__ import annotations

from typing import Any

from zostudy.config.study import BudgetSpec, ImbalanceSpec, SearchSpec, StudySpec
from zostudy.inspection.facts import DataFacts, ModelFacts
from zostudy.inspection.sizing import PROMPT_TOKENS, Sizing
from zostudy.ratios import ALL, NATURAL


def draft(inspection: DataFacts, model: ModelFacts, sizing: Sizing) -> dict[str, Any]:
    """Returns the study; the path of the data is that of the inspection.

    A label word is empty where the model has none for a class.

    Args:
        inspection: of the data.
        model: what the model makes of it.
        sizing: of the study.
    """
    return {
        "name": inspection.task.name,
        "model": _model(model, sizing),
        "task": _task(inspection, model, sizing),
        "imbalance": {
            "ratios": [NATURAL],
            "minority_size": ALL,
            "dev_minority_size": sizing.dev_minority_size,
            **_defaults(ImbalanceSpec, "sampler"),
        },
        "methods": list(sizing.size.methods),
        "budget": _defaults(BudgetSpec, "queries", "evaluations") | {"batch_size": sizing.batch_size},
        "search": _defaults(SearchSpec, "trials"),
        "confirm": {"seeds": sizing.size.seeds, "landscape": sizing.size.landscape},
        **_defaults(StudySpec, "seed"),
    }


def _defaults(section: Any, *keys: str) -> dict[str, Any]:
    return {key: section.model_fields[key].default for key in keys}


def _model(model: ModelFacts, sizing: Sizing) -> dict[str, Any]:
    longest = {} if sizing.text_tokens is None else {"max_length": sizing.text_tokens + PROMPT_TOKENS}
    return {"name": model.name, "prompt_tokens": PROMPT_TOKENS, **longest}


def _task(inspection: DataFacts, model: ModelFacts, sizing: Sizing) -> dict[str, Any]:
    task, wording = inspection.task, model.draft.wording
    rare = [each.name for each in inspection.classes if each.rare]
    splits = {} if task.splits is None else {"splits": task.splits.model_dump(mode="json", exclude_none=True)}
    return {
        "name": task.name,
        "file": task.file,
        "text": task.text,
        **({} if task.second_text is None else {"second_text": task.second_text}),
        "label": task.label,
        **splits,
        **({} if sizing.test_rows is None else {"test_rows": sizing.test_rows}),
        "template": wording.template.source,
        "label_words": list(wording.label_words),
        "minority": rare[0] if len(inspection.classes) == 2 else rare,
        "truncate": model.too_long > 0 or sizing.text_tokens is not None,
    }
