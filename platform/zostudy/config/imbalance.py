"""The ``imbalance`` section of a study file: the class imbalance, and how methods handle it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from zostudy.config.field_types import AskedRatio, AskedSize, EachRatioOnce, Positive, PositiveNumber, Section, key
from zostudy.methods import ImbalanceSettings
from zostudy.methods.options import ClassWeights, Prior, SamplerName


class ImbalanceSpec(Section):
    """The class imbalance: ratios, sizes of the draws, and how methods handle it."""

    ratios: Annotated[
        tuple[AskedRatio, ...],
        Field(min_length=1),
        key(
            "imbalance ratios, majority / minority; natural: the classes in the proportions of the data; each gives "
            "one cell per method",
            example="[1, 10, 50]",
        ),
        EachRatioOnce,
    ] = (1.0,)
    minority_size: Annotated[
        AskedSize,
        key(
            "training examples of a minority class; all: as many as the data has at each ratio, less those of dev",
            example="all",
            rule="must be all or a whole number of at least 1",
        ),
    ] = 20
    dev_minority_size: Annotated[
        Positive | None,
        key(
            "dev examples of a minority class; null: as many as for training; with minority_size: all, a "
            "quarter of the examples, or all examples of the data's own dev split",
            example="50",
        ),
    ] = None
    profile: Annotated[
        Literal["step", "exponential"], key("class sizes where there are more than two classes", example="exponential")
    ] = "step"
    sampler: Annotated[
        Literal["auto", SamplerName],
        key(
            "natural: batches are drawn from the training set as it is; stratified: every batch holds each "
            "class in equal number; auto: stratified",
            example="natural",
        ),
    ] = "auto"
    prior: Annotated[
        Prior,
        key(
            "class prior of the AUC objective; global: the sampler's class shares; batch: the shares in each batch",
            example="batch",
        ),
    ] = ImbalanceSettings.prior
    margin: Annotated[PositiveNumber, key("margin of the AUC objective", example="0.5")] = ImbalanceSettings.margin
    class_weights: Annotated[
        ClassWeights, key("weights of the examples in every objective but AUC", example="balanced")
    ] = ImbalanceSettings.class_weights
