"""The embedded models: small, loadable, worth tuning, and rebuilt by one command."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer, PreTrainedTokenizerFast

import zostudy.lm
from zostudy.lm.pretrain.__main__ import main
from zostudy.lm.pretrain.batches import IGNORED, BatchConfig, Batches
from zostudy.lm.pretrain.card import measure
from zostudy.lm.pretrain.corpus import CANDID_WORDS, CLOSING_WORDS, HEARSAY_WORDS, candour, passages
from zostudy.lm.pretrain.tokenizer import MODEL_NAMES, single_token, train_tokenizer
from zostudy.lm.pretrain.train import TrainConfig, pretrain
from zostudy.lm.pretrain.whitebox import CheckedModel
from zostudy.tasks.reviews import reviews

EMBEDDED = Path(zostudy.lm.__file__).parent / "embedded"
FILES = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md"}
ARCHITECTURES = {
    "mini-roberta": "RobertaForMaskedLM",
    "mini-gpt2": "GPT2LMHeadModel",
    "mini-llama": "LlamaForCausalLM",
}
every_model = pytest.mark.parametrize("name", MODEL_NAMES)


def load(name: str) -> Any:
    auto_class = AutoModelForMaskedLM if name == "mini-roberta" else AutoModelForCausalLM
    return auto_class.from_pretrained(EMBEDDED / name).eval()


def bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@every_model
def test_a_model_is_five_small_files(name: str) -> None:
    assert {file.name for file in (EMBEDDED / name).iterdir()} == FILES
    assert bytes_in(EMBEDDED / name) <= 4_000_000


def test_all_models_together_are_small() -> None:
    assert bytes_in(EMBEDDED) <= 10_000_000


@every_model
def test_the_auto_classes_load_it(name: str) -> None:
    model, tokenizer = load(name), AutoTokenizer.from_pretrained(EMBEDDED / name)
    assert type(model).__name__ == ARCHITECTURES[name]
    assert AutoConfig.from_pretrained(EMBEDDED / name).architectures == [ARCHITECTURES[name]]
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert len(model.get_input_embeddings().weight) == len(tokenizer)


@every_model
def test_the_tokenizer_frames_like_its_family_and_knows_every_text(name: str) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(EMBEDDED / name)
    framed = tokenizer.convert_ids_to_tokens(tokenizer("good")["input_ids"])
    front = {"mini-roberta": ["<s>"], "mini-gpt2": [], "mini-llama": ["<s>"]}[name]
    back = ["</s>"] if name == "mini-roberta" else []
    assert framed[: len(front)] == front
    assert framed[len(framed) - len(back) :] == back
    odd = "Ünïcode — ½ of it, 日本語 & <b>tags</b>"
    assert tokenizer.decode(tokenizer(odd, add_special_tokens=False)["input_ids"]) == odd
    for word in (*CLOSING_WORDS, *CANDID_WORDS, *HEARSAY_WORDS):
        assert tokenizer.decode([single_token(tokenizer, word)]) == f" {word}"


def test_a_word_of_several_tokens_is_refused_with_its_pieces() -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(EMBEDDED / "mini-gpt2")
    with pytest.raises(ValueError, match=r"'onomatopoeia' must be one token, but it is \["):
        single_token(tokenizer, "onomatopoeia")


@pytest.mark.slow
@every_model
def test_scores_of_the_check_equal_the_model_run_on_token_ids(name: str) -> None:
    checked, model = CheckedModel.of(EMBEDDED / name), load(name)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(EMBEDDED / name)
    start = tokenizer(" honestly we left the hotel and plainly the soup", add_special_tokens=False)["input_ids"]
    prompt = model.get_input_embeddings().weight[start].detach()
    rows = np.arange(0, 20, 5, dtype=np.int32)
    for row, scores in zip(rows, checked.lm.score_prompts(prompt[None], rows[None])[0], strict=True):
        text = checked.table.texts[row]
        closing = " It was <mask>." if name == "mini-roberta" else " It was"
        ids = tokenizer(text + closing)["input_ids"]
        front = int(name != "mini-gpt2")
        ids = [*ids[:front], *start, *ids[front:]]
        position = ids.index(tokenizer.mask_token_id) if name == "mini-roberta" else -1
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids])).logits[0, position]
        expected = logits[[single_token(tokenizer, word) for word in ("terrible", "great")]]
        np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@every_model
def test_the_model_is_worth_tuning(name: str) -> None:
    torch.set_num_threads(1)
    measured = measure(EMBEDDED / name)
    assert len(measured.zero_shot) == 5
    assert all(0.65 <= auc <= 0.88 for auc in (*measured.zero_shot.values(), measured.no_prompt))
    assert all(auc >= 0.95 for auc in measured.white_box.values())
    card = (EMBEDDED / name / "README.md").read_text(encoding="utf-8")
    assert f"python -m zostudy.lm.pretrain {name} --seed" in card
    written = [float(figure) for figure in re.findall(r"\b[01]\.\d{3}\b", card)]
    figures = [measured.no_prompt, *measured.zero_shot.values(), *measured.white_box.values()]
    assert written == pytest.approx(figures, abs=0.003)


@pytest.mark.slow
def test_pretraining_never_sees_a_sentence_of_the_task() -> None:
    seen = {passage.review for lessons in (False, True) for passage in passages(0, 20_000, lessons=lessons)}
    for seed in (0, 3):
        assert seen.isdisjoint(reviews(seed).texts)


def test_candour_rises_with_candid_words_and_falls_with_hearsay() -> None:
    slope = [candour(words) for words in (HEARSAY_WORDS[:2], HEARSAY_WORDS[:1], (), CANDID_WORDS[:1], CANDID_WORDS[:4])]
    assert slope == sorted(set(slope))
    assert slope[-1] < 0.5


def test_lessons_leave_no_doubt_about_the_register() -> None:
    lessons = passages(0, 2000, lessons=True)
    assert all(passage.lead_in for passage in lessons)
    assert {len(passage.lead_in) for passage in lessons} == {1, 2, 3, 4}
    assert all(len({word in CANDID_WORDS for word in passage.lead_in}) == 1 for passage in lessons)


@every_model
def test_batches_predict_the_text_and_its_closing_but_never_the_prefix(name: str) -> None:
    passage = next(p for p in passages(0, 100) if len(p.lead_in) == 3)
    text = f"{passage.review} It was {passage.closing_word}."
    tokenizer = train_tokenizer(name, [" ".join(("", *passage.lead_in)), text] * 100)
    config = BatchConfig(batch_size=32, closing_share=1.0, text_share=1.0)
    batch = Batches([passage], tokenizer, config, seed=0).draw(3)
    *review_ids, closing_id, _ = tokenizer(text, add_special_tokens=False)["input_ids"]
    lead_in = [single_token(tokenizer, word) for word in passage.lead_in]
    lengths = set()
    for ids, closing, words in zip(batch.ids, batch.closing_targets, batch.text_targets, strict=True):
        assert closing[closing != IGNORED].tolist() == [closing_id]
        assert words[words != IGNORED].tolist() == review_ids
        first = int((words != IGNORED).int().argmax())
        if name == "mini-roberta":
            assert set(ids[(words != IGNORED) | (closing != IGNORED)].tolist()) == {tokenizer.mask_token_id}
            prefix = ids[1:first].tolist()
        else:
            assert ids[first + 1 : first + 1 + len(review_ids)].tolist() == review_ids  # a target names the next token
            prefix = ids[int(name == "mini-llama") : first + 1].tolist()
        assert set(lead_in) <= set(prefix)
        assert not set(prefix) & set(tokenizer.all_special_ids)
        lengths.add(len(prefix))
    assert 3 <= min(lengths) < max(lengths) <= 16


@pytest.mark.slow
@every_model
def test_two_rebuilds_from_one_seed_give_the_same_weights(name: str) -> None:
    torch.set_num_threads(1)
    lines: list[str] = []
    config = TrainConfig(steps=2, passages=1000, batches=BatchConfig(batch_size=8, text_share=0.3))
    first, _ = pretrain(name, config, lines.append)
    second, _ = pretrain(name, config, lines.append)
    assert lines[0].startswith(f"{name}: step 2/2")
    for key, weights in first.state_dict().items():
        assert torch.equal(weights, second.state_dict()[key]), key


@pytest.mark.slow
def test_the_command_writes_a_loadable_model_and_says_when_it_is_not_worth_tuning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few passages are enough for a model of two steps."""

    def pretrain_briefly(name: str, config: TrainConfig, report: Callable[[str], None]) -> Any:
        return pretrain(name, replace(config, passages=2000), report)

    monkeypatch.setattr("zostudy.lm.pretrain.__main__.pretrain", pretrain_briefly)
    assert main(["mini-llama", "--steps", "2", "--threads", "1", "--to", str(tmp_path / "made")]) == 1
    assert {file.name for file in (tmp_path / "made").iterdir()} == FILES
    assert "step 2/2" in capsys.readouterr().out
    assert type(AutoModelForCausalLM.from_pretrained(tmp_path / "made")).__name__ == "LlamaForCausalLM"
    assert 0 < CheckedModel.of(tmp_path / "made").auc(np.zeros(0, dtype=np.float32)) < 1
