"""The proof before the first trial: families that pass, faults that it finds, and what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from zostudy.config.model import ModelSpec
from zostudy.errors import DisagreementError, ModelError
from zostudy.lm import architecture
from zostudy.lm.agreement import BOUNDS, TEXTS, read_verified, rounded_up, some_rows
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.finding import find_model
from zostudy.lm.frozen import make_evaluator
from zostudy.lm.padded import PaddedLM
from zostudy.lm.plain import PlainModel
from zostudy.lm.pooling import Pooling, find_pooling, pooled
from zostudy.lm.sources import ModelSource
from zostudy.lm.weights import load_model

SPEC = ModelSpec(name="random", prompt_tokens=4)

PACKED = ("bert", "roberta", "xlm-roberta", "camembert", "gpt2", "llama", "mistral", "qwen2")
MASKED = (
    *("albert", "convbert", "data2vec-text", "deberta", "deberta-v2", "distilbert", "electra", "fnet", "longformer"),
    *("mobilebert", "modernbert", "mpnet", "roformer"),
)
CAUSAL = (
    *("bart", "bloom", "cohere", "cohere2", "falcon", "gemma", "gemma2", "gemma3_text", "gpt_neox", "gptj", "granite"),
    *("mamba", "mixtral", "olmo2", "opt", "phi3", "qwen3", "stablelm", "xglm"),
)

TinyModel = Callable[..., ModelSource]
RandomTask = Callable[..., EncodedTask]


@pytest.mark.slow
@pytest.mark.parametrize("family", [*PACKED, *MASKED, *CAUSAL])
def test_a_family_scores_as_transformers_does(tiny_model: TinyModel, random_task: RandomTask, family: str) -> None:
    source = tiny_model(family)
    agreement = read_verified(SPEC, source, {"": random_task(source.head)}, "float32").agreement
    assert (agreement.family, agreement.evaluator) == (family, "packed" if family in PACKED else "padded")
    assert agreement.difference < 1e-5 < BOUNDS["float32"]
    assert (agreement.texts, agreement.prompts) == (TEXTS, 2)


@pytest.mark.parametrize("family", ["roberta", "llama", "gemma2", "albert", "electra", "opt", "xglm"])
def test_a_family_scores_as_transformers_does_without_a_subspace(
    tiny_model: TinyModel, random_task: RandomTask, family: str
) -> None:
    """Some have vectors narrower than their states, which decide the length of a latent."""
    source = tiny_model(family)
    spec = SPEC.model_copy(update={"subspace": "none"})
    verified = read_verified(spec, source, {"": random_task(source.head)}, "float32")
    assert verified.width == load_model(source, torch.float32).get_input_embeddings().weight.shape[1]
    assert verified.agreement.difference < 1e-5


@pytest.mark.parametrize("family", ["gemma2", "granite", "albert", "fnet", "mobilebert", "opt", "mamba"])
def test_texts_of_all_lengths_together_score_as_each_alone(
    tiny_model: TinyModel, random_task: RandomTask, family: str
) -> None:
    source = tiny_model(family)
    task = random_task(source.head, n_rows=30)
    model = load_model(source, torch.float32)
    evaluator, plain = PaddedLM(SPEC, model, source, task), PlainModel(model, source, task, SPEC.temperature)
    noise = np.random.default_rng(0)
    latents = noise.standard_normal((6, 5)).astype(np.float32)
    rows = noise.integers(0, 30, (6, 9)).astype(np.int32)
    scores = evaluator.score(latents, rows, seed=1, group=2)
    prompts = evaluator.prompts(latents, 1)
    for query, column in ((0, 0), (3, 8), (5, 4)):
        expected = plain.score_with_vectors(partial(prompts.__getitem__, query), rows[query, [column]])
        np.testing.assert_allclose(scores[query, column], expected[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("family", ["llama", "roberta", "gemma3_text"])
def test_bfloat16_has_a_wider_bound_and_a_figure_of_its_own(
    tiny_model: TinyModel, random_task: RandomTask, family: str
) -> None:
    source = tiny_model(family)
    agreement = read_verified(SPEC, source, {"": random_task(source.head)}, "bfloat16").agreement
    assert 1e-4 < agreement.difference < BOUNDS["bfloat16"]
    assert agreement.line.endswith(" in bfloat16")


@pytest.mark.parametrize("family", ["gemma", "granite", "cohere", "olmo2", "qwen3"])
def test_a_family_that_is_taken_for_another_is_found_out(
    tiny_model: TinyModel, random_task: RandomTask, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiny_model(family)
    monkeypatch.setitem(architecture.FAMILIES, family, "llama")
    with pytest.raises(ModelError) as caught:
        read_verified(SPEC, source, {"": random_task("causal")}, "float32")
    line = str(caught.value)
    assert "\n" not in line
    assert (
        f"the model in {source.location} cannot" in line or f"the packed one for {family} in float32 differs by" in line
    )


@pytest.fixture
def found_out(random_task: RandomTask) -> Callable[[ModelSource], str]:
    """Gives the line that refuses a model."""

    def line(source: ModelSource) -> str:
        with pytest.raises(DisagreementError) as caught:
            read_verified(SPEC, source, {"": random_task(source.head)}, "float32")
        return str(caught.value)

    return line


def test_positions_that_are_one_off_are_found_out(
    tiny_model: TinyModel, found_out: Callable[[ModelSource], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiny_model("roberta")
    load = load_model

    def shifted(*arguments: Any) -> Any:
        model = load(*arguments)
        model.config.pad_token_id += 1  # where the packed evaluator takes its first position from
        return model

    monkeypatch.setattr("zostudy.lm.agreement.load_model", shifted)
    assert "(row " in found_out(source)


@pytest.mark.parametrize(
    ("family", "kind"),
    [*(("llama", kind) for kind in ("linear", "dynamic", "longrope", "llama3", "yarn")), ("phi3", "longrope")],
)
def test_rotary_positions_of_every_kind_are_scored_right(
    tiny_model: TinyModel, random_task: RandomTask, family: str, kind: str
) -> None:
    options = {"rope_type": kind, "rope_theta": 1000.0, "factor": 2.0, "original_max_position_embeddings": 16}
    options |= {"llama3": {"low_freq_factor": 1.0, "high_freq_factor": 4.0}}.get(kind, {})
    options |= {"longrope": {"short_factor": [1.0] * 4, "long_factor": [2.0] * 4}}.get(kind, {})
    source = tiny_model(family, rope_parameters=options, original_max_position_embeddings=16)
    assert read_verified(SPEC, source, {"": random_task("causal")}, "float32").agreement.difference < 1e-5


def test_padding_that_is_seen_is_found_out(
    tiny_model: TinyModel, found_out: Callable[[ModelSource], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiny_model("fnet")
    monkeypatch.setattr("zostudy.lm.padded.padding_of", lambda config, head: "masked")
    assert "the padded one for fnet in float32 differs by" in found_out(source)


def test_a_table_that_is_looked_up_without_its_scale_is_found_out(
    tiny_model: TinyModel, found_out: Callable[[ModelSource], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiny_model("gemma3_text")

    def unscaled(self: Any, ids: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.embedding(ids, self._embedding.weight)

    monkeypatch.setattr(PaddedLM, "embed", unscaled)
    assert "differs by" in found_out(source)


def test_a_model_that_reads_more_of_a_token_than_its_vector_is_refused(
    tiny_model: TinyModel, found_out: Callable[[ModelSource], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiny_model("opt")
    load = load_model

    def reading_ids(*arguments: Any) -> Any:
        model = load(*arguments)
        forward = model.forward

        def with_ids(*, input_ids: Any = None, **inputs: Any) -> Any:
            output = forward(input_ids=input_ids, **inputs)
            return SimpleNamespace(logits=output.logits + (0.1 if input_ids is not None else 0.0))

        model.forward = with_ids
        return model

    monkeypatch.setattr("zostudy.lm.agreement.load_model", reading_ids)
    assert "given the vectors of a text in place of its tokens, differs by" in found_out(source)


def test_a_model_that_takes_only_vectors_of_tokens_is_refused(
    tiny_model: TinyModel, found_out: Callable[[ModelSource], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiny_model("opt")
    load = load_model

    def finding_tokens(*arguments: Any) -> Any:
        model = load(*arguments)
        forward, table = model.forward, model.get_input_embeddings().weight

        def with_ids(*, input_ids: Any = None, inputs_embeds: Any = None, **inputs: Any) -> Any:
            if input_ids is None:
                input_ids = torch.cdist(inputs_embeds, table).argmin(-1)
                if not torch.equal(table[input_ids], inputs_embeds):
                    raise RuntimeError("vectors of tokens, please")
            return forward(input_ids=input_ids, **inputs)

        model.forward = with_ids
        return model

    monkeypatch.setattr("zostudy.lm.agreement.load_model", finding_tokens)
    assert "raises RuntimeError: vectors of tokens, please" in found_out(source)


def test_a_model_that_takes_no_vectors_is_refused(
    tiny_model: TinyModel, found_out: Callable[[ModelSource], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiny_model("opt")
    load = load_model

    def taking_ids_alone(*arguments: Any) -> Any:
        model = load(*arguments)
        forward = model.forward
        model.forward = lambda input_ids: forward(input_ids)
        return model

    monkeypatch.setattr("zostudy.lm.agreement.load_model", taking_ids_alone)
    assert "in place of its tokens, raises TypeError: " in found_out(source)


def test_a_model_that_cannot_run_in_bfloat16_is_told_so(
    tiny_model: TinyModel, random_task: RandomTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiny_model("fnet")  # whose Fourier transform is there in float32 alone
    with pytest.raises(DisagreementError, match=r"fnet cannot in bfloat16 \(.*\); set model.dtype to float32"):
        read_verified(SPEC, source, {"": random_task("masked")}, "bfloat16")


def test_weights_that_give_no_finite_score_are_refused(
    tiny_model: TinyModel, random_task: RandomTask, tmp_path: Path
) -> None:
    source = tiny_model("bert")
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    tensors["cls.predictions.transform.dense.weight"].fill_(3e38)
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="a model must give finite scores"):
        read_verified(SPEC, source, {"": random_task("masked")}, "float32")


def test_a_model_whose_own_code_fails_is_refused_in_one_line(tiny_model: TinyModel, random_task: RandomTask) -> None:
    source = tiny_model("mpnet", max_position_embeddings=12)
    with pytest.raises(ModelError, match="cannot score the task's texts") as caught:
        read_verified(SPEC, source, {"": random_task("masked")}, "float32")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["bert", "llama", "mpnet", "fnet"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "lasttoken", "weightedmean"])
def test_an_encoder_is_pooled_as_its_own_file_says(
    tiny_model: TinyModel, random_task: RandomTask, tmp_path: Path, family: str, pooling: Pooling
) -> None:
    source, task = tiny_model(family, "encoder"), random_task("encoder")
    ending = {"cls": "_token", "lasttoken": ""}.get(pooling, "_tokens")
    _write_modules(tmp_path, {f"pooling_mode_{pooling}{ending}": True, "pooling_mode_mean_sqrt_len_tokens": False})
    evaluator = make_evaluator(SPEC, read_verified(SPEC, source, {"": task}, "float32").model, task, "float32")
    scores = evaluator.score(np.zeros((1, 3), np.float32), np.array([[4]], np.int32))
    model = load_model(source, torch.float32)
    ids = torch.from_numpy(task.tokens[task.offsets[4] : task.offsets[5]]).long()
    text = model.get_input_embeddings()(ids)
    prompt = evaluator.prompts(np.zeros((1, 3), np.float32), 0)[0]
    vectors = torch.cat([text[:1], prompt, text[1:]]).unsqueeze(0)
    with torch.inference_mode():
        states = [model(inputs_embeds=vectors).last_hidden_state[0]]
        states += [model(input_ids=torch.from_numpy(t).long()[None]).last_hidden_state[0] for t in task.label_texts]
    by_hand = {
        "mean": lambda s: s.mean(0),
        "cls": lambda s: s[0],
        "max": lambda s: s.max(0).values,
        "lasttoken": lambda s: s[-1],
        "weightedmean": lambda s: sum((i + 1) * row for i, row in enumerate(s)),
    }[pooling]
    text_state, *labels = map(by_hand, states)
    expected = SPEC.temperature * torch.nn.functional.cosine_similarity(text_state[None], torch.stack(labels))
    np.testing.assert_allclose(scores[0, 0], expected, rtol=1e-4, atol=1e-4)


def _write_modules(folder: Path, pooling: Any, *more: str) -> None:
    kinds = ("Transformer", "Pooling", *more, "Normalize")
    modules = [
        {"type": f"sentence_transformers.models.{kind}", "path": f"{i}_{kind}" if i else ""}
        for i, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


@pytest.mark.parametrize(
    ("pooling", "more", "lead", "said"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}, (), 1, "cls and mean"),
        ({"pooling_mode": "attention"}, (), 1, "says attention"),
        ({}, (), 1, "says none"),
        ({"pooling_mode": "mean"}, ("Dense",), 1, "has Dense"),
        ({"pooling_mode": "cls"}, (), 0, "its tokenizer puts none in front"),
    ],
)
def test_an_encoder_that_pools_otherwise_is_refused(
    tiny_model: TinyModel,
    random_task: RandomTask,
    tmp_path: Path,
    pooling: dict[str, Any],
    more: tuple[str, ...],
    lead: int,
    said: str,
) -> None:
    source = tiny_model("bert", "encoder")
    _write_modules(tmp_path, pooling, *more)
    with pytest.raises(ModelError, match=said):
        read_verified(SPEC, source, {"": random_task("encoder", lead)}, "float32")


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["Pooling", "x.Pooling", "1_Pooling", "cls", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "path", "pooling_mode", "pooling_mode_cls_token"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(modules=ANY_JSON, pooling=ANY_JSON)
def test_whatever_an_encoders_files_hold_it_is_pooled_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, modules: Any, pooling: Any
) -> None:
    folder = tmp_path_factory.mktemp("encoder")
    _write_modules(folder, pooling)
    (folder / "modules.json").write_text(json.dumps(modules))
    try:
        said: str = find_pooling(ModelSource(str(folder), None, "encoder"), lead=1)
    except ModelError as error:
        said = str(error)
    assert said in get_args(Pooling) or ("; " in said and "\n" not in said)


@pytest.mark.parametrize("family", ["t5", "bart", "vit", "clip", "whisper"])
@pytest.mark.parametrize("head", ["auto", "masked", "causal", "encoder"])
def test_a_model_of_something_else_than_one_text_is_refused(tmp_path: Path, family: str, head: Any) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": family, "architectures": ["SomeModel"]}))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="a model must be an encoder or a decoder of text"):
        find_model(ModelSpec(name=str(tmp_path), head=head))


@settings(max_examples=50, deadline=None)
@given(figure=st.floats(1e-12, 1.0))
def test_a_figure_is_rounded_up_to_one_digit(figure: float) -> None:
    shown = float(rounded_up(figure))
    assert figure <= shown * (1 + 1e-12)
    assert shown <= 2 * figure
    assert len(rounded_up(figure).partition("e")[0]) == 1
    assert rounded_up(0.0) == "the last bit"


@settings(max_examples=30, deadline=None)
@given(lengths=st.lists(st.integers(0, 50), min_size=1, max_size=40).filter(any))
def test_the_texts_go_from_the_shortest_to_the_longest(lengths: list[int]) -> None:
    task: Any = SimpleNamespace(lengths=np.array(lengths))
    rows = some_rows(task)
    chosen = [lengths[row] for row in rows]
    used = sorted(filter(None, lengths))
    assert chosen == sorted(chosen)
    assert (chosen[0], chosen[-1]) == (used[0], used[-1])
    assert len(set(rows.tolist())) == len(rows) == min(TEXTS, len(used))


@pytest.mark.parametrize("pooling", ["mean", "mean_sqrt_len", "weightedmean", "max", "cls", "lasttoken"])
def test_texts_of_one_length_are_pooled_as_each_alone(pooling: Pooling) -> None:
    states = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(pooled(states, pooling), torch.stack([pooled(own, pooling) for own in states]))
