"""Studies of zeroth-order prompt tuning for frozen language models on imbalanced text, on Ray.

The public names are imported when they are first used, so that ``import zostudy`` takes no time.
"""

from importlib import import_module

TYPE_CHECKING = False  # not from typing: with python -m a file typing.py in the working directory would be read here

if TYPE_CHECKING:
    from zostudy.config.loading import load_study
    from zostudy.config.study import StudySpec
    from zostudy.console.dry_run import DryRun
    from zostudy.errors import ZostudyError
    from zostudy.export.exporting import export
    from zostudy.export.labelling import predict
    from zostudy.inspection.facts import Inspection
    from zostudy.inspection.init_study import init_study
    from zostudy.inspection.inspecting import inspect
    from zostudy.methods import Method, register_method
    from zostudy.report.writing import report
    from zostudy.results.comparison.compare import compare
    from zostudy.results.comparison.comparison import Comparison
    from zostudy.results.results import Results, load_results
    from zostudy.running import dry_run, run
    from zostudy.search.callback import Callback

__all__ = [
    "Callback",
    "Comparison",
    "DryRun",
    "Inspection",
    "Method",
    "Results",
    "StudySpec",
    "ZostudyError",
    "compare",
    "dry_run",
    "export",
    "init_study",
    "inspect",
    "load_results",
    "load_study",
    "predict",
    "register_method",
    "report",
    "run",
]

_HOMES = {
    "zostudy.console.dry_run": ("DryRun",),
    "zostudy.errors": ("ZostudyError",),
    "zostudy.export.labelling": ("predict",),
    "zostudy.inspection.facts": ("Inspection",),
    "zostudy.inspection.init_study": ("init_study",),
    "zostudy.inspection.inspecting": ("inspect",),
    "zostudy.methods": ("Method", "register_method"),
    "zostudy.results.comparison.compare": ("compare",),
    "zostudy.results.comparison.comparison": ("Comparison",),
    "zostudy.results.results": ("Results", "load_results"),
    "zostudy.running": ("dry_run", "run"),
    "zostudy.search.callback": ("Callback",),
    "zostudy.config.loading": ("load_study",),
    "zostudy.config.study": ("StudySpec",),
}


def __getattr__(name: str) -> object:
    """Imports a public name when it is first used; ``__version__`` is that of the installed package."""
    if name == "__version__":
        return import_module("importlib.metadata").version("zostudy")
    if name in ("export", "report"):  # rooms that are called
        return import_module(f"zostudy.{name}")
    for home, names in _HOMES.items():
        if name in names:
            value: object = getattr(import_module(home), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
