"""The untuned prompt: the baseline of every method."""

from __future__ import annotations

from zostudy.methods.base import Method
from zostudy.methods.options import MethodOptions
from zostudy.methods.queries import Step
from zostudy.methods.registry import register_method


@register_method("untuned")
class Untuned(Method):
    """Stays at the start tokens and spends no query, so any budget is enough, even 0."""

    Options = MethodOptions
    use = "always: the start of every other method"
    spends_queries = False

    @property
    def step_cost(self) -> int:
        """Zero."""
        return 0

    @property
    def finished(self) -> bool:
        """Always true."""
        return True

    def step(self) -> Step:
        """Never runs."""
        raise RuntimeError("the untuned prompt takes no step")
