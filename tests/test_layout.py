"""Guards of the repository's layout: what would break silently if a file stood in the wrong place."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "platform" / "zostudy"


def test_platform_is_a_source_root_and_not_a_package() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists(), "it would shadow the standard library's platform module"
    found = subprocess.run(
        [sys.executable, "-c", "import platform; print(platform.system())"], cwd=ROOT, capture_output=True, text=True
    )
    assert found.stdout.strip() == sys.platform.capitalize()


def test_every_file_of_the_package_is_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = ["*.py", *project["tool"]["setuptools"]["package-data"]["zostudy"]]
    for path in PACKAGE.rglob("[!.]*"):
        if path.is_file() and path.suffix != ".pyc":
            assert any(path.relative_to(PACKAGE).match(pattern) for pattern in patterns), path


def test_rooms_and_libraries_are_imported_as_pyproject_allows() -> None:
    # In a process of its own, as the linter switches off all loggers of this one.
    code = "from importlinter.cli import lint_imports; exit(lint_imports('pyproject.toml', no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_commits_and_ci_are_linted_by_one_version_of_ruff() -> None:
    test_extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["test"]
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    [hooks] = [repo for repo in repos if "ruff" in repo["repo"]]
    assert f"ruff=={hooks['rev'].removeprefix('v')}" in test_extra


def test_cpus_are_counted_at_one_place() -> None:
    for path in PACKAGE.rglob("*.py"):
        if path != PACKAGE / "machine.py":
            assert "cpu_count" not in path.read_text(encoding="utf-8"), f"{path}: ask zostudy.machine.usable_cpus"


# Not by import-linter, which takes a library as a whole, as `ray`.
def test_only_the_command_line_names_its_flags() -> None:
    """A Python user reads the same errors and notes; whole shell commands may have flags."""
    command = re.compile(r"\b(zostudy|docker run|pip install|tensorboard|python -m|server started with)\b[^\n;]*")
    for path in PACKAGE.rglob("*.py"):
        if path.is_relative_to(PACKAGE / "cli") or path.name == "__main__.py":
            continue
        for line, text in texts(ast.parse(path.read_text(encoding="utf-8"))):
            assert not re.search(r"(?<![\w-])--[a-z]", command.sub("", text)), f"{path}:{line}: {text}"


def test_a_class_or_type_has_its_name_alone() -> None:
    where: dict[str, list[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            names = (
                [node.name] if isinstance(node, ast.ClassDef) else [t.id for t in targets if isinstance(t, ast.Name)]
            )
            for name in (name.lstrip("_") for name in names):
                if not name.isupper() and name[:1].isupper():
                    where.setdefault(name, []).append(path.relative_to(PACKAGE).as_posix())
    assert {name: files for name, files in where.items() if len(files) > 1} == {}


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yields the texts of a program with their lines, without docstrings; what an f-string fills in is left out."""
    nodes = list(ast.walk(tree))
    parts = {part for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    docs = {node.value for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts | docs:
            yield node.lineno, node.value


def test_only_its_adapter_knows_tune() -> None:
    for path in PACKAGE.rglob("*.py"):
        if path.parent != PACKAGE / "search" / "tune":
            assert "ray.tune" not in _imports(path), path
            assert "ray.tune" not in path.read_text(encoding="utf-8"), path


UNPICKLING_LIBRARIES = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
SAFE_LOADS = {"np.load": "allow_pickle=False"}


def test_nothing_is_ever_unpickled_and_yaml_is_read_by_the_safe_loader() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert not UNPICKLING_LIBRARIES & {name.split(".")[0] for name in _imports(path)}, path
        for call in (
            node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
        ):
            called, written = ast.unparse(call.func), ast.unparse(call)
            assert called not in {"torch.load", "pd.read_pickle", "yaml.load", "yaml.unsafe_load", "yaml.full_load"}, (
                path
            )
            assert SAFE_LOADS.get(called, "") in written, (path, written)


@pytest.mark.slow
def test_a_replica_does_without_transformers_and_tokenizers() -> None:
    code = (
        "import sys, zostudy.cluster.replica, zostudy.lm.frozen; print({'transformers', 'tokenizers'} & {*sys.modules})"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


@pytest.mark.slow
def test_a_trial_s_process_does_without_libraries_that_are_slow_to_import() -> None:
    code = (
        "import sys, zostudy.search.tune.trainable as trainable, zostudy.results.metrics as metrics, numpy\n"
        "metrics.classification_metrics(numpy.eye(2, dtype='f4'), numpy.arange(2, dtype='i4'), (1,))\n"
        "print({'pandas', 'sklearn', 'torch', 'transformers', 'optuna', 'duckdb', 'scipy'} & {*sys.modules})"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names
