"""Every study that is shipped loads, is what it says, and is in the wheel, beside the guides."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from zostudy.cli.guide import read_guides
from zostudy.config.loading import load_study
from zostudy.config.space import method_space

ROOT = Path(__file__).parents[1]
STUDIES = sorted((ROOT / "studies").glob("*.yaml"))
SHIPPED = [*STUDIES, *(ROOT / "studies" / "suite").glob("*.yaml")]
SUITE = ROOT / "results" / "reference" / "suite"
COMMITTED = [*SUITE.glob("*/study.yaml"), *SUITE.glob("*/trials/*.parquet")]


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_shipped_study_loads_and_searches_what_it_names(path: Path) -> None:
    study = load_study(path)
    assert study.name.replace("-", "_") == path.stem.replace("-", "_")
    assert any(method_space(study, method) for method in study.methods) == bool(study.search.trials)


def test_every_study_is_described() -> None:
    described = (ROOT / "studies" / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in STUDIES if f"| [{path.name}]({path.name}) |" not in described] == []


def test_the_quickstart_compares_two_samplers_and_searches_two_methods_at_three_ratios() -> None:
    study = load_study(STUDIES[0].parent / "quickstart.yaml")
    assert list(study.imbalance.ratios) == [1, 10, 50]
    assert (study.search.trials, study.confirm.seeds, study.budget.queries) == (4, 5, 300)
    natural, stratified = (method for method in study.methods if method.algorithm == "spsa")
    assert (natural.imbalance, stratified.imbalance) == ({"sampler": "natural"}, {"sampler": "stratified"})
    spaces = {method.label: set(method_space(study, method)) for method in study.methods}
    searched = {"subspace_dim", "perturbation_radius", "imbalance.sampler"}
    assert {label for label, space in spaces.items() if space - {"imbalance.sampler"}} == {"bpt-fzg", "zosa"}
    assert spaces["bpt-fzg"] == spaces["zosa"] == searched


def test_the_real_study_leaves_every_default_untouched() -> None:
    study = load_study(STUDIES[0].parent / "real_text.yaml")
    assert all(method.options == {} for method in study.methods)
    assert (study.search.trials, study.confirm.seeds, study.budget.queries) == (0, 5, 300)


def test_the_package_has_no_studies_of_its_own() -> None:
    assert (ROOT / "platform" / "zostudy" / "studies").resolve() == ROOT / "studies"


@pytest.mark.slow
@pytest.mark.parametrize("by_way_of_an_sdist", [False, True])
def test_a_wheel_holds_the_studies_and_one_package(tmp_path: Path, by_way_of_an_sdist: bool) -> None:
    for name in ("pyproject.toml", "README.md", "LICENSE"):  # a copy, as a build leaves files in its source
        shutil.copy(ROOT / name, tmp_path)
    for name in ("platform", "studies", "results/reference/suite"):
        shutil.copytree(
            ROOT / name, tmp_path / name, symlinks=True, ignore=shutil.ignore_patterns("*.egg-info", "__pycache__")
        )
    source = tmp_path
    if by_way_of_an_sdist:
        shutil.unpack_archive(build("sdist", tmp_path), tmp_path / "unpacked")
        (source,) = (tmp_path / "unpacked").iterdir()
    with zipfile.ZipFile(build("wheel", source)) as wheel:
        packed = {path: wheel.read(f"zostudy/studies/{path.relative_to(ROOT / 'studies')}") for path in SHIPPED}
        rows = {path: wheel.read(f"zostudy/suite/reference/{path.relative_to(SUITE)}") for path in COMMITTED}
        assert {name.split("/")[0].split("-")[0] for name in wheel.namelist()} == {"zostudy"}
        assert sum("/studies/" in name for name in wheel.namelist()) == len(SHIPPED)
        assert {f"zostudy/guides/{topic}.md" for topic in read_guides()} - {*wheel.namelist()} == {
            "zostudy/guides/architecture.md"  # which is the package's README
        }
    assert packed | rows == {path: path.read_bytes() for path in (*SHIPPED, *COMMITTED)}


def build(kind: str, source: Path) -> Path:
    """Returns the distribution that the build backend of ``source`` makes there."""
    code = f"from setuptools import build_meta; print(build_meta.build_{kind}('dist'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return source / "dist" / done.stdout.splitlines()[-1]
