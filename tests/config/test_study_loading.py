from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zostudy.config.loading import load_study
from zostudy.config.paths import missing_here
from zostudy.config.study import MethodSpec, StudySpec
from zostudy.errors import SpecError
from zostudy.wording import printable
from zostudy.yaml_text import dump_yaml

Write = Callable[..., str]


def test_methods_are_names_or_labels_with_options(write_study: Write) -> None:
    methods = "methods: [climb, {hop: {method: climb, rate: 2}}, {zosa: {sharpness_radius: 0.1}}, {spsa: }]"
    assert load_study(write_study(methods=methods)).methods == (
        MethodSpec(label="climb", algorithm="climb"),
        MethodSpec(label="hop", algorithm="climb", options={"rate": 2.0}),
        MethodSpec(label="zosa", algorithm="zosa", options={"sharpness_radius": 0.1}),
        MethodSpec(label="spsa", algorithm="spsa"),
    )


def test_words_stay_words_and_numbers_numbers(write_study: Write) -> None:
    study = load_study(write_study(task="task: {name: reviews, label_words: [no, yes]}", x="imbalance: {margin: 1e-3}"))
    assert study.task.label_words == ("no", "yes")
    assert study.imbalance.margin == 0.001


def test_relative_paths_start_where_they_were_written(tmp_path: Path, write_study: Write) -> None:
    write_study(task="task: {file: here.csv}", model="model: {name: weights}")
    elsewhere = tmp_path / "elsewhere"
    for folder in (tmp_path, elsewhere):
        (folder / "weights").mkdir(parents=True)
        (folder / "here.csv").touch()
    os.chdir(elsewhere)
    study = load_study("../study.yaml")
    assert (study.task.file, study.model.name) == (str(tmp_path / "here.csv"), str(tmp_path / "weights"))
    study = load_study("../study.yaml", ["task.file=here.csv", "model.name=./weights"])
    assert (study.task.file, study.model.name) == (str(elsewhere / "here.csv"), str(elsewhere / "weights"))


def test_a_model_that_is_no_folder_keeps_its_name(tmp_path: Path, write_study: Write) -> None:
    (tmp_path / "minilm").mkdir()
    for name in ("minilm", "org/model"):
        assert load_study(write_study(model=f"model: {{name: {name}}}")).model.name == name


def test_paths_that_are_not_there_are_refused(tmp_path: Path, write_study: Write) -> None:
    path = write_study(model="model: {name: ./weights}", task="task: {file: gone.csv}")
    with pytest.raises(SpecError) as caught:
        load_study(path, ["task.name=mine"])
    model, task = str(caught.value).splitlines()
    assert model.startswith('study.yaml:2: model.name: must be a folder that exists, but got "/')
    assert model.endswith('/weights"; mend the path')
    assert task.startswith('study.yaml:3: task.file: must be a file that exists, but got "/')
    assert task.endswith('/gone.csv"; mend the path')
    with pytest.raises(
        SpecError, match=r"^`overrides` task.file=.: task.file: must be a file and not a folder, but got"
    ):
        load_study(write_study(), ["task.file=."])
    with pytest.raises(SpecError, match=r"task.file: must be a file that exists, but got .*/~nobody-at-all/texts.csv"):
        load_study(write_study(), ["task.file=~nobody-at-all/texts.csv"])


def test_another_machine_may_have_what_is_named_by_an_absolute_path(write_study: Write) -> None:
    path = write_study(
        task="task: {name: reviews, file: /on/shared/texts.csv}", model="model: {name: /on/shared/model}"
    )
    with pytest.raises(SpecError, match="must be a file that exists"):
        load_study(path)
    study = load_study(path, elsewhere=True)
    assert missing_here(study) == ["/on/shared/texts.csv", "/on/shared/model"]
    write_study(task="task: {name: reviews, file: texts.csv}")
    with pytest.raises(SpecError, match="must be a file that exists"):
        load_study(path, elsewhere=True)
    write_study(task="task: reviews")
    with pytest.raises(SpecError, match="task: must be"):
        load_study(path, elsewhere=True)


def test_a_study_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("name: x")
    shipped = sorted(path.stem for path in (Path(__file__).parents[2] / "studies").glob("*.yaml"))
    (tmp_path / "budgets").mkdir()
    (tmp_path / "budgets" / "small.yaml").write_text("name: x")
    (tmp_path / "latin.yaml").write_bytes("name: caf\xe9".encode("latin-1"))
    messages = {
        "studdy.yaml": f"no such file exists; did you mean {tmp_path / 'study.yaml'}?",
        "studdy": f"no such file exists; did you mean {tmp_path / 'study.yaml'}?",
        "budgets/smal.yaml": f"no such file exists; did you mean {tmp_path / 'budgets/small.yaml'}?",
        "nofile.yaml": f"no such file exists; mend the path, or name a shipped study: {', '.join(shipped)}",
        "gone/other.yaml": f"no such file exists; mend the path, or name a shipped study: {', '.join(shipped)}",
        "quickstrat": "no such file exists; did you mean quickstart?",
        "quickstart.yaml": "no such file exists; did you mean quickstart?",
        "a\0b": "it is not a path; mend it",
        "": "it is a folder; name the YAML file in it",
        "latin.yaml": "byte 9 is not UTF-8; save it as UTF-8 text",
        "study.yaml/x": "it cannot be read (Not a directory); mend the path or its permissions",
    }
    for name, message in messages.items():
        with pytest.raises(SpecError) as caught:
            load_study(tmp_path / name)
        assert str(caught.value) == f"{printable(str(tmp_path / name))}: must be a study file, but {message}"


def test_a_name_that_is_no_file_here_is_a_shipped_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quickstart").mkdir()  # as the results of one may lie here
    quickstart = Path(__file__).parents[2] / "studies" / "quickstart.yaml"
    assert load_study("quickstart", ["seed=3"]) == load_study(quickstart, ["seed=3"])
    (tmp_path / "real_text").write_text(quickstart.read_text(), encoding="utf-8")
    assert load_study("real_text") == load_study("quickstart")
    with pytest.raises(SpecError, match=r"/quickstart: must be a study file, but it is a folder"):
        load_study(tmp_path / "quickstart")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path, write_study: Write) -> None:
    text = Path(write_study()).read_text()
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8-sig")
    assert load_study("study.yaml").name == "trial-run"


def test_loading_needs_neither_torch_nor_ray() -> None:
    study = Path(__file__).parents[2] / "studies" / "quickstart.yaml"
    code = (
        "import sys; from zostudy.config.loading import load_study; load_study(sys.argv[1]);"
        "print({'torch', 'ray', 'transformers', 'datasets', 'pandas'} & set(sys.modules))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "platform")}
    ran = subprocess.run(
        [sys.executable, "-c", code, study], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "set()"


SECTIONS = [field.annotation for field in StudySpec.model_fields.values()]
KEYS = sorted(
    {key for section in (StudySpec, *SECTIONS) for key in getattr(section, "model_fields", {})}
    | {"choice", "low", "climb", "imbalance.prior"}
)
SCALARS = (
    st.none() | st.booleans() | st.integers(-2, 40) | st.floats(-1, 2) | st.sampled_from(["reviews", "climb", "x"])
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
)
STUDIES = st.fixed_dictionaries(
    {"name": st.just("s") | TREES, "model": st.just({"name": "minilm"}) | TREES},
    optional={key: TREES for key in StudySpec.model_fields if key not in ("name", "model")},
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(STUDIES)
def test_any_tree_is_a_study_or_a_spec_error_of_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, tree: object
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_text(dump_yaml(tree), encoding="utf-8")
    try:
        load_study(path)
    except SpecError as error:
        for line in str(error).splitlines():
            assert line.startswith(f"{path}:")
            assert line.count("; ") >= 1
