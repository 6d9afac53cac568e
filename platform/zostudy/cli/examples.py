"""The commands that ``zostudy VERB --help`` shows as examples."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "inspect": ("tickets.csv", "tickets.csv --model mini-roberta"),
    "init": ("tickets.csv", "tickets.csv --label mood -o tickets.yaml"),
    "validate": ("study.yaml", "quickstart --set search.trials=8"),
    "run": ("quickstart", "study.yaml --dry-run", "study.yaml --set search.trials=8"),
    "suite": ("", "run --methods bpt-fzg,spsa"),
    "submit": ("study.yaml --results s3://bucket/studies",),
    "jobs": ("--address http://10.0.0.1:8265",),
    "logs": ("quickstart --follow",),
    "stop": ("quickstart-20260131",),
    "studies": ("results", "s3://bucket/studies --format csv"),
    "compare": ("results/quickstart", "results/quickstart --metric test_mcc", "results --by study"),
    "diff": ("results/first results/second",),
    "query": ("", "'SELECT cell, test_auc FROM trials'"),
    "report": ("results/quickstart", "results/first results/second --to both.html"),
    "export": ("results/quickstart best --to my-prompt",),
    "predict": ("my-prompt tickets.csv --to labelled.csv",),
    "tokens": ("results/quickstart best --top 5",),
    "delete": ("results/quickstart",),
    "doctor": ("", "--results /shared/studies"),
    "bench": ("", "--only evaluator --models mini-roberta"),
    "keys": ("", "search.trials", "learning_rate"),
    "methods": ("", "zosa"),
    "tasks": ("", "--format csv"),
    "models": ("",),
    "guide": ("", "slurm"),
}
"""What follows each verb."""


def epilog(verb: str) -> str:
    """Returns the end of a verb's help: its examples, one a line."""
    examples = [f"zostudy {verb} {words}".rstrip() for words in EXAMPLES[verb]]
    return "\n".join(["Example:" if len(examples) == 1 else "Examples:", *examples])
