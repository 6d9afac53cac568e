"""The files for containers and clusters, as far as they can be checked without one."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import tomllib
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement
from ray.scripts.symmetric_run import symmetric_run
from typer.main import get_group

from zostudy.cli.app import app
from zostudy.config.loading import load_study

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "platform" / "deploy"
FILES = {path.name: path.read_text(encoding="utf-8") for path in DEPLOY.iterdir()}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def rayjob() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILES["rayjob.yaml"])
    return loaded


def pods() -> list[dict[str, Any]]:
    cluster = rayjob()["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


def parse(command: str) -> dict[str, Any]:
    """Returns the values of a zostudy command, which must have only arguments and options that exist."""
    program, verb, *words = shlex.split(command)
    assert program == "zostudy"
    return get_group(app).commands[verb].make_context(verb, words).params


def instructions() -> list[tuple[str, str]]:
    """Returns the instructions of the Dockerfile with their arguments."""
    lines = [line for line in FILES["Dockerfile"].splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def test_deploy_is_no_package() -> None:
    assert set(FILES) == {"Dockerfile", "rayjob.yaml", "slurm.sh"}


@pytest.mark.parametrize("name", FILES)
def test_files_that_a_file_names_are_there(name: str) -> None:
    named = re.findall(r"platform/deploy/\w+(?:\.\w+)?", FILES[name])
    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize(
    "command",
    [match for text in FILES.values() for match in re.findall(r"(?m)^(?:#   |  entrypoint: )(zostudy .*)$", text)],
)
def test_a_command_has_only_verbs_and_options_that_exist(command: str) -> None:
    assert parse(command)


def test_the_rayjob_fits_its_schema() -> None:
    schema = json.loads((Path(__file__).parent / "rayjob.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    assert [error.message for error in validator.iter_errors(rayjob())] == []
    mistyped = json.loads(json.dumps(rayjob()).replace("workerGroupSpecs", "workerGroupSpec"))
    assert [error.validator for error in validator.iter_errors(mistyped)] == ["additionalProperties"]
    lingering = rayjob()
    lingering["spec"]["shutdownAfterJobFinishes"] = False  # with which its time to live means nothing
    assert [error.validator for error in validator.iter_errors(lingering)] == ["const"]


def test_the_rayjob_runs_a_study_that_is_there_with_its_results_in_an_object_store() -> None:
    values = parse(rayjob()["spec"]["entrypoint"])
    assert load_study(values["study"]).name == "quickstart"
    assert (values["address"], values["results"]) == ("auto", "s3://bucket/studies")
    assert "s3://bucket/studies/quickstart" in FILES["rayjob.yaml"]


def test_all_pods_of_the_rayjob_run_one_image_whose_ray_the_package_takes() -> None:
    (image,) = {container["image"] for pod in pods() for container in pod["containers"]}
    assert f"{image}, and" in FILES["rayjob.yaml"]
    ray = next(need for need in map(Requirement, PROJECT["dependencies"]) if need.name == "ray")
    assert rayjob()["spec"]["rayClusterSpec"]["rayVersion"] in ray.specifier
    for pod in pods():
        mounts = {mount["name"] for container in pod["containers"] for mount in container.get("volumeMounts", ())}
        assert mounts == {volume["name"] for volume in pod.get("volumes", ())}
        for container in pod["containers"]:
            assert container["resources"]["requests"] == container["resources"]["limits"]
            assert container["envFrom"] == [{"secretRef": {"name": "zostudy-s3", "optional": True}}]


def test_the_dockerfile_has_known_instructions_in_a_sound_order() -> None:
    names = [name for name, _ in instructions()]
    known = {"FROM", "RUN", "ARG", "COPY", "ENV", "WORKDIR", "USER", "ENTRYPOINT", "CMD"}
    assert set(names) <= known
    assert names[0] == "FROM"
    assert names.index("COPY") < names.index("ENTRYPOINT") < names.index("CMD")
    given = dict(instructions())
    python = re.search(r"python:(\d+\.\d+)", given["FROM"])
    assert python is not None
    assert tuple(map(int, python[1].split("."))) >= tuple(map(int, PROJECT["requires-python"][2:].split(".")))
    assert given["USER"] not in ("root", "0")
    parse(" ".join([*json.loads(given["ENTRYPOINT"]), "run", "quickstart"]))
    assert json.loads(given["CMD"]) == ["--help"]


def test_the_dockerfile_copies_the_wheel_that_its_first_command_builds() -> None:
    source, target = dict(instructions())["COPY"].split()
    wheel = f"zostudy-{version('zostudy')}-py3-none-any.whl"
    assert fnmatch(wheel, source)
    install = next(rest for name, rest in instructions() if name == "RUN" and "pip install" in rest)
    assert f"ls {target}{source}" in install
    (extras,) = re.findall(r'"\$wheel\[(.*)\]"', install)
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    assert "--wheel-dir dist " in FILES["Dockerfile"]
    assert re.search(r"docker build --file platform/deploy/Dockerfile --tag zostudy dist\n", FILES["Dockerfile"])


@pytest.mark.parametrize("command", [rest for name, rest in instructions() if name == "RUN"])
def test_what_the_dockerfile_runs_is_shell(command: str) -> None:
    checked = subprocess.run(["sh", "-n", "-c", command], capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_slurm_script_asks_for_whole_nodes_in_directives_that_sbatch_knows() -> None:
    lines = FILES["slurm.sh"].splitlines()
    directives = dict(
        line.removeprefix("#SBATCH --").partition("=")[::2] for line in lines if line.startswith("#SBATCH")
    )
    patterns = {
        "job-name": r"\w+",
        "nodes": r"\d+",
        "ntasks-per-node": "1",
        "cpus-per-task": r"\d+",
        "exclusive": "",
        "time": r"\d\d:\d\d:\d\d",
        "output": r"[\w%.-]+",
    }
    assert directives.keys() == patterns.keys()
    assert all(re.fullmatch(patterns[name], value) for name, value in directives.items())
    first_command = next(i for i, line in enumerate(lines) if line and not line.startswith("#"))
    assert not any(line.startswith("#SBATCH") for line in lines[first_command:])  # sbatch would not read them


def run_slurm(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the script as one of SLURM's jobs of three nodes would, with an srun that only prints what it is told."""
    (folder / "bin").mkdir()
    for name, body in {
        "scontrol": 'echo "$@" >&2; printf "node07\\nnode08\\nnode09\\n"',
        "srun": 'printf "%s\\n" "$@"',
    }.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / "bin" / name).chmod(0o755)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "activate").touch()
    job = {"SLURM_JOB_NODELIST": "node[07-09]", "SLURM_JOB_ID": "31234", "SLURM_JOB_NUM_NODES": "3"}
    environment = os.environ | job | {"SLURM_CPUS_PER_TASK": "16", "PATH": f"{folder}/bin:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", DEPLOY / "slurm.sh", *arguments],
        cwd=folder,
        env=environment | variables,
        capture_output=True,
        text=True,
    )


def test_the_slurm_script_starts_ray_on_each_node_and_the_study_on_the_first(tmp_path: Path) -> None:
    done = run_slurm(tmp_path, "quickstart", "--set", "name=two words", ZOSTUDY_RESULTS="s3://bucket/studies")
    assert (done.returncode, done.stderr) == (0, "show hostnames node[07-09]\n")
    words = done.stdout.splitlines()
    start, separator = words.index("ray"), words.index("--")
    assert words[:start] == ["--nodes=3", "--ntasks=3", "--cpus-per-task=16"]
    assert words[start + 1] == "symmetric-run"
    ray = symmetric_run.make_context("ray", words[start + 2 : separator]).params
    assert (ray["address"], ray["min_nodes"]) == ("node07:21234", 3)
    assert list(ray["ray_args_and_entrypoint"]) == ["--num-cpus", "16", "--num-gpus", "0"]
    study = parse(shlex.join(words[separator + 1 :]))
    assert (study["address"], study["set_"]) == ("node07:21234", ["name=two words"])
    assert load_study(study["study"]).name == "quickstart"


def test_the_slurm_script_needs_a_place_for_results(tmp_path: Path) -> None:
    done = run_slurm(tmp_path, "quickstart")
    assert done.returncode != 0
    assert "ZOSTUDY_RESULTS: a path that every node sees, or s3://bucket/path" in done.stderr
