"""Methods: ask/tell optimisers of a prompt's latent. They need numpy alone: no model, no Ray, no files."""

from typing_extensions import Doc

from zostudy.methods import (  # noqa: F401  (they register)
    bpt_fzg,
    bpt_fzg_sam,
    cma_es,
    cma_es_spsa,
    fzoo,
    linear_probe,
    mezo_momentum,
    no_prompt,
    r_adazo,
    random_search,
    sabo,
    spsa,
    untuned,
    white_box,
    zo_adamm,
    zosa,
    zosa_auc,
)
from zostudy.methods.base import Method
from zostudy.methods.context import Context
from zostudy.methods.option_notes import LogRange, OneOf, OptionDescription, UsedWith, describe_options, unused_options
from zostudy.methods.options import ImbalanceSettings, MethodOptions
from zostudy.methods.queries import Access, Evaluation, Queries, Step, StepRecord
from zostudy.methods.registry import get_method, method_names, register_method, registered_here
from zostudy.methods.spaces import default_space
from zostudy.methods.state import State

__all__ = [
    "Access",
    "Context",
    "Doc",
    "Evaluation",
    "ImbalanceSettings",
    "LogRange",
    "Method",
    "MethodOptions",
    "OneOf",
    "OptionDescription",
    "Queries",
    "State",
    "Step",
    "StepRecord",
    "UsedWith",
    "default_space",
    "describe_options",
    "get_method",
    "method_names",
    "register_method",
    "registered_here",
    "unused_options",
]
