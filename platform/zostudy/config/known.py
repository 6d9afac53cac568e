"""The names that zostudy itself knows: models, heads, tasks, and the studies that come with the package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

EMBEDDED_MODELS = ("mini-roberta", "mini-gpt2", "mini-llama")
BUILT_IN_MODELS = (*EMBEDDED_MODELS, "minilm")

HeadKind = Literal["masked", "causal", "encoder"]

EMBEDDED_TASK = "reviews"
WELL_KNOWN_TASKS = (
    *(EMBEDDED_TASK, "sst2", "sst5", "mr", "cr", "mpqa", "imdb", "yelp", "book", "elec", "ag_news", "dbpedia", "trec"),
    *("subj", "cola", "mrpc", "qqp", "rte", "qnli", "wnli", "mnli", "snli"),
)
TASKS_WITH_DATA = tuple(name for name in WELL_KNOWN_TASKS if name not in ("mpqa", "book", "elec"))
"""Those whose texts are embedded or on the hub. The others need a file or a data set of the user's."""

STUDIES_FOLDER = Path(__file__).parents[1] / "studies"  # in a checkout, a link to its folder of studies
SCHEMA_FILE = Path(__file__).with_name("study.schema.json")


def shipped_studies() -> list[str]:
    """Returns the names of the shipped studies, sorted."""
    return sorted(path.stem for path in STUDIES_FOLDER.glob("*.yaml"))


def study_path(given: str | os.PathLike[str]) -> Path:
    """Returns the file of a study: the path itself, or that of a shipped study if the name of one is no file here."""
    path = Path(given)
    is_shipped = not path.is_file() and os.fspath(given) in shipped_studies()
    return STUDIES_FOLDER / f"{path.name}.yaml" if is_shipped else path
