"""The names of models, heads and tasks that zostudy itself knows."""

from __future__ import annotations

from typing import Literal

EMBEDDED_MODELS = ("mini-roberta", "mini-gpt2", "mini-llama")
BUILT_IN_MODELS = (*EMBEDDED_MODELS, "minilm")

HeadKind = Literal["masked", "causal", "encoder"]

EMBEDDED_TASK = "reviews"
WELL_KNOWN_TASKS = (
    *(EMBEDDED_TASK, "sst2", "sst5", "mr", "cr", "mpqa", "imdb", "yelp", "book", "elec", "ag_news", "dbpedia", "trec"),
    *("subj", "cola", "mrpc", "qqp", "rte", "qnli", "wnli", "mnli", "snli"),
)
