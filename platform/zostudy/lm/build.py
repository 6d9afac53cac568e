"""From a model's source to the evaluator that scores with it: the packed one where it is exact, else the padded one."""

from __future__ import annotations

from typing import TypeAlias

from zostudy.config.study import ModelSpec
from zostudy.lm.encoding import EncodedTask
from zostudy.lm.frozen import FrozenLM
from zostudy.lm.padded import PaddedLM
from zostudy.lm.reading import reading
from zostudy.lm.sources import ModelSource
from zostudy.lm.weights import TORCH_DTYPES, DType, Weights, load_model, load_weights

Model: TypeAlias = Weights | ModelSource
"""What an evaluator is made of: weights that are read already, or where to read them."""

Evaluator: TypeAlias = FrozenLM | PaddedLM


def make_evaluator(spec: ModelSpec, model: Model, task: EncodedTask, dtype: DType, device: str = "cpu") -> Evaluator:
    """Returns the evaluator.

    Args:
        spec: prompt length and scale, temperature.
        model: weights in that dtype, or a source to load them from.
        task: the token ids.
        dtype: of the matrix products.
        device: a torch device.

    Raises:
        ModelError: the model cannot be loaded.
    """
    if isinstance(model, Weights):
        return FrozenLM(spec, model, task, device)
    with reading(model):
        weights = load_weights(model, task, spec.prompt_tokens, dtype)
        if weights is None:
            return PaddedLM(spec, load_model(model, TORCH_DTYPES[dtype]), model, task, device)
        return FrozenLM(spec, weights, task, device)
