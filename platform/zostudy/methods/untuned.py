"""The untuned prompt: what every method has to beat."""

from __future__ import annotations

from zostudy.methods.base import Method, Step
from zostudy.methods.options import MethodOptions
from zostudy.methods.registry import register_method


@register_method("untuned")
class Untuned(Method):
    """Stays at the start tokens and spends nothing; any budget will do, 0 too."""

    Options = MethodOptions
    spends_queries = False

    @property
    def step_cost(self) -> int:
        """Nothing."""
        return 0

    @property
    def finished(self) -> bool:
        """Always: there is nothing to ask."""
        return True

    def step(self) -> Step:
        """Never runs."""
        raise RuntimeError("the untuned prompt takes no step")
