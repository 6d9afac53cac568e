"""Rebuilds an embedded model: ``python -m zostudy.lm.pretrain mini-roberta [--seed 0] [--to DIR]``.

Writes weights, tokenizer and model card. Exit code 1 means that the model is not worth tuning: it is too good or too
poor without a prompt, or true gradients do not improve it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch
from transformers.utils import logging

import zostudy.lm
from zostudy.lm.pretrain.card import measure, model_card
from zostudy.lm.pretrain.tokenizer import MODEL_NAMES
from zostudy.lm.pretrain.train import TrainConfig, pretrain


def main(arguments: list[str] | None = None) -> int:
    """Trains, saves and measures one model; returns the exit code."""
    options = _options(arguments)
    folder = options.to or Path(zostudy.lm.__file__).parent / "embedded" / options.model
    config = TrainConfig(seed=options.seed, steps=options.steps)
    torch.set_num_threads(options.threads)
    logging.disable_progress_bar()
    started = time.monotonic()
    model, tokenizer = pretrain(options.model, config, report=lambda line: print(line, flush=True))
    seconds = time.monotonic() - started
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)  # nobody generates with these models
    (folder / "model.safetensors").chmod(0o644)  # safetensors writes for the owner alone
    measured = measure(folder)
    (folder / "README.md").write_text(model_card(options.model, config, seconds, measured), encoding="utf-8")
    print(f"{options.model}: {measured}\nwritten to {folder} after {seconds:.0f} s of pretraining")
    return 0 if measured.worth_tuning else 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m zostudy.lm.pretrain", description="Rebuild an embedded model.")
    parser.add_argument("model", choices=MODEL_NAMES)
    parser.add_argument("--seed", type=int, default=TrainConfig.seed)
    parser.add_argument("--steps", type=int, default=TrainConfig.steps, help="optimiser steps (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="of the processor (default: %(default)s)")
    parser.add_argument("--to", type=Path, help="folder to write to (default: where the package keeps the model)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
