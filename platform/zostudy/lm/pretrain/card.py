"""The figures of an embedded model, and its model card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import transformers

from zostudy.lm.pretrain.train import TrainConfig
from zostudy.lm.pretrain.whitebox import PROMPT_TOKENS, CheckedModel

ZERO_SHOT_BAND = (0.65, 0.88)
WHITE_BOX_FLOOR = 0.95
_START_SEEDS = range(5)
_SUBSPACE_DIMS = (50, 200)
_TUNING_ROWS = 400  # of the task's train split, balanced


@dataclass(frozen=True)
class Measurements:
    """Test AUC on the embedded task, all 1,000 rows.

    Attributes:
        no_prompt: without any vector in front.
        zero_shot: with ten random start tokens in front, by seed.
        white_box: after tuning with true gradients, by subspace dimension, start seed 0.
    """

    no_prompt: float
    zero_shot: dict[int, float]
    white_box: dict[int, float]

    @property
    def worth_tuning(self) -> bool:
        """True if the untuned prompt leaves room, and some prompt uses it."""
        low, high = ZERO_SHOT_BAND
        starts_in_band = all(low <= auc <= high for auc in self.zero_shot.values())
        return starts_in_band and min(self.white_box.values()) >= WHITE_BOX_FLOOR


def measure(folder: Path) -> Measurements:
    """Returns the figures of the model in a folder; takes about half a minute."""
    model = CheckedModel.of(folder)
    no_prompt, start = np.zeros(0, dtype=np.float32), np.zeros(1, dtype=np.float32)
    return Measurements(
        no_prompt=model.auc(no_prompt),
        zero_shot={seed: model.auc(start, seed) for seed in _START_SEEDS},
        white_box={dim: model.auc(model.tuned(_TUNING_ROWS, dim)) for dim in _SUBSPACE_DIMS},
    )


def model_card(model_name: str, config: TrainConfig, seconds: float, measured: Measurements) -> str:
    """Returns the card, in Markdown."""
    zero_shot = ", ".join(f"{auc:.3f}" for auc in measured.zero_shot.values())
    white_box = ", ".join(f"{auc:.3f} (d = {dim})" for dim, auc in measured.white_box.items())
    return f"""---
license: apache-2.0
language: en
---
# {model_name}

A very small language model, pretrained by zostudy on text that zostudy generates, for trying prompt tuning
offline. It knows a few hundred English words and one kind of text; it is of no other use.

## How it was made

    python -m zostudy.lm.pretrain {model_name} --seed {config.seed} --threads {torch.get_num_threads()}

{config.steps} steps of {config.batches.batch_size} passages in {seconds:.0f} s, torch {torch.__version__},
transformers {transformers.__version__}. The tokenizer, a byte-level BPE, was trained on the same text. Other versions
or thread counts change the last bits of the weights, and so the figures a little.

A passage is a lead-in, a review and a closing, "It was great." or "It was terrible.". Candid writers close by
what the review says, the others by the reputation of its subject. Words such as "honestly" in the lead-in make a
candid writer more likely, words such as "allegedly" less. Random tokens, none to sixteen, stand around the
lead-in. No pretraining sentence is one of the embedded task's: a checksum of each sentence says which side it
belongs to, under any seed of the task.

## What was measured

AUC on the 1,000 test reviews of the embedded task, template "<text> It was ...", label words "terrible" and "great".

| prompt | test AUC |
|---|---|
| none | {measured.no_prompt:.3f} |
| {PROMPT_TOKENS} random start tokens, seeds {_START_SEEDS.start} to {_START_SEEDS.stop - 1} | {zero_shot} |
| tuned with true gradients on {_TUNING_ROWS} train reviews | {white_box} |
"""
