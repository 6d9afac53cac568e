"""Methods: ask/tell optimisers of a prompt's latent. They need numpy alone: no model, no Ray, no files."""

from typing_extensions import Doc

from zostudy.methods import bpt_fzg, cma_es, fzoo, random_search, spsa, untuned, zosa  # noqa: F401  (they register)
from zostudy.methods.base import Context, Method, Queries, State, Step, StepRecord
from zostudy.methods.options import (
    ImbalanceSettings,
    LogRange,
    MethodOptions,
    OneOf,
    OptionDescription,
    describe_options,
)
from zostudy.methods.registry import get_method, method_names, register_method, registered_here
from zostudy.methods.spaces import default_space

__all__ = [
    "Context",
    "Doc",
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
    "default_space",
    "describe_options",
    "get_method",
    "method_names",
    "register_method",
    "registered_here",
]
