"""The real PEFT, on what was exported: the same logits as the study stored."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

from zostudy.config.search import ConfirmSpec, SearchSpec
from zostudy.config.study import StudySpec
from zostudy.export.exporting import export_trial
from zostudy.export.manifest import read_manifest
from zostudy.export.trials import load_study_results
from zostudy.lm.finding import find_model
from zostudy.lm.sources import minilm_installed
from zostudy.tasks.files import read_rows

CLOSE: dict[str, Any] = {"rtol": 0, "atol": 1e-4}
N_LEAD = {"mini-roberta": 1, "mini-gpt2": 0, "mini-llama": 1, "pairs": 0}


@pytest.mark.slow
@pytest.mark.parametrize("case", ["mini-roberta", "mini-gpt2", "mini-llama", "pairs"])
def test_peft_gives_the_stored_scores_for_a_padded_batch(exported_study: Callable[[str], Any], case: str) -> None:
    from peft import PeftModel  # takes seconds, which a run without slow tests need not spend

    exported = exported_study(case)
    manifest, stored = read_manifest(exported.folder), exported.trial.scores("test")
    source = find_model(manifest.model)
    loader = AutoModelForMaskedLM if source.head == "masked" else AutoModelForCausalLM
    frozen = loader.from_pretrained(source.location, dtype=torch.float32)
    model = PeftModel.from_pretrained(frozen, exported.folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(source.location)
    frame = read_rows(exported.texts).table.take(stored.rows).to_pandas()
    lines = [
        manifest.task.template.format(text=text, second_text=other, mask=tokenizer.mask_token or "").rstrip(" ")
        for text, other in zip(frame["body"], frame["other"], strict=True)
    ]
    lead = N_LEAD[case]
    ids = [torch.tensor(tokenizer(line)["input_ids"][lead:]) for line in lines]
    padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=0)
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in ids], batch_first=True)
    with torch.inference_mode():
        logits = model(input_ids=padded, attention_mask=mask).logits
    places = [row.tolist().index(tokenizer.mask_token_id) if source.head == "masked" else len(row) - 1 for row in ids]
    ahead = logits.shape[1] - padded.shape[1]
    assert ahead == lead + manifest.model.prompt_tokens
    labels = list(manifest.task.label_tokens)
    scores = torch.stack([row[ahead + at, labels] for row, at in zip(logits, places, strict=True)])
    assert len(scores) == 60
    np.testing.assert_allclose(scores.numpy(), stored.scores, **CLOSE)


@pytest.mark.parametrize("case", ["mini-roberta", "mini-gpt2", "mini-llama", "pairs"])
def test_the_cards_code_gives_the_stored_scores(
    exported_study: Callable[[str], Any], case: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    exported = exported_study(case)
    _check_code(exported.folder, exported.trial, exported.texts, case == "pairs", monkeypatch)
    printed = capsys.readouterr().out
    assert all(name in printed for name in read_manifest(exported.folder).task.class_names)


@pytest.mark.slow
@pytest.mark.skipif(not minilm_installed(), reason="needs zostudy[minilm]")
def test_the_cards_code_gives_an_encoders_stored_scores(
    make_study: Callable[..., StudySpec],
    run_study: Callable[[StudySpec, Path], Path],
    exported_study: Callable[[str], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = exported_study("mini-roberta").texts
    words = ("It was bad.", "It was great.")
    spec = make_study("minilm", texts, template="{text} ", label_words=words)
    spec = spec.model_copy(
        update={"search": SearchSpec(), "confirm": ConfirmSpec(seeds=1), "methods": spec.methods[:1]}
    )
    trial = load_study_results(run_study(spec, tmp_path / "results")).trial("best")
    export_trial(trial, tmp_path / "out")
    _check_code(tmp_path / "out", trial, texts, False, monkeypatch)


@pytest.mark.parametrize("case", ["mini-gpt2", "mini-llama", "pairs"])
def test_the_cards_code_for_vllm_hands_over_the_whole_input(
    exported_study: Callable[[str], Any], case: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """vLLM itself is too large for tests: a stand-in scores the vectors with transformers' model, as vLLM would."""
    exported = exported_study(case)
    manifest = read_manifest(exported.folder)
    seen: list[torch.Tensor] = []

    class LLM:
        def __init__(self, base: str, **options: Any) -> None:
            assert options["enable_prompt_embeds"]
            self._model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)

        def generate(self, prompt: dict[str, torch.Tensor], choice: Any) -> list[Any]:
            logits = self._model(inputs_embeds=prompt["prompt_embeds"][None]).logits[0, -1]
            seen.append(logits[choice.allowed_token_ids].detach())
            token = choice.allowed_token_ids[int(seen[0].argmax())]
            return [SimpleNamespace(outputs=[SimpleNamespace(token_ids=[token])])]

    stand_in = ModuleType("vllm")
    vars(stand_in).update(LLM=LLM, SamplingParams=SimpleNamespace)
    monkeypatch.setitem(sys.modules, "vllm", stand_in)
    peft_code, vllm_code = _code(exported.folder)
    monkeypatch.chdir(exported.folder)
    scores = _ran(peft_code)["scores"](*["a text", "a second text"][: 2 if case == "pairs" else 1])
    capsys.readouterr()
    _ran(vllm_code)
    assert capsys.readouterr().out.strip() == manifest.task.class_names[int(scores.argmax())]
    torch.testing.assert_close(seen[0], scores, **CLOSE)


def _check_code(folder: Path, trial: Any, texts: Path, pair: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = trial.scores("test")
    monkeypatch.chdir(folder)
    scores = _ran(_code(folder)[0])["scores"]
    frame = read_rows(texts).table.take(stored.rows[:8]).to_pandas()
    found = [
        scores(*([text, other] if pair else [text])) for text, other in zip(frame["body"], frame["other"], strict=True)
    ]
    np.testing.assert_allclose(torch.stack(found).numpy(), stored.scores[:8], **CLOSE)


def _code(folder: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def _ran(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(code, names)
    return names
