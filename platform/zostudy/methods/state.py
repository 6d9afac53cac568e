"""What steps change, as small arrays and numbers by name: saved between steps, so that a resumed trial goes on exactly.

A part of a whole, such as a method's objective, has its names in the whole's state under a prefix.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import numpy as np

State: TypeAlias = dict[str, Any]


class Stateful:
    """An object that steps change.

    Attributes:
        state_attributes: names of attributes, arrays or Python numbers, that steps change. Those of base classes are
            saved too.
    """

    state_attributes: ClassVar[tuple[str, ...]] = ()

    def state(self) -> State:
        """Returns copies of what steps change: the ``state_attributes``.

        A class with state of another form extends this and ``load_state``.

        Raises:
            TypeError: an attribute is neither an array nor a Python number.
        """
        return {name: _copied(name, getattr(self, name)) for name in self._declared_state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state`` returned.

        Raises:
            ValueError: an array is of another shape.
        """
        for name in self._declared_state():
            setattr(self, name, _restored(name, state[name], getattr(self, name)))

    @classmethod
    def _declared_state(cls) -> list[str]:
        """Returns the names that the class and its base classes declare."""
        declared = (name for base in cls.__mro__ for name in vars(base).get("state_attributes", ()))
        return list(dict.fromkeys(declared))


def with_prefix(prefix: str, state: Mapping[str, Any]) -> State:
    """Returns the state of a part by its names in the state of the whole."""
    return {prefix + name: value for name, value in state.items()}


def part_of(state: Mapping[str, Any], prefix: str) -> State:
    """Returns the state of a part, by its own names, out of the state of the whole."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _copied(name: str, value: Any) -> Any:
    """Returns a copy. A NumPy number would come back as a Python one, with which sums may round otherwise."""
    if isinstance(value, np.generic) or not isinstance(value, np.ndarray | int | float):
        raise TypeError(f"state attribute {name!r} must be an array or a Python number, but is {value!r}")
    return copy.copy(value)


def _restored(name: str, saved: Any, own: Any) -> Any:
    """Returns a saved value in its own type, which steps may have made another one than that of the start."""
    values = np.array(saved)
    if not isinstance(own, np.ndarray):
        return values if values.ndim else values.item()
    if values.shape != own.shape:
        raise ValueError(f"a saved {name} must have shape {own.shape}, but has {values.shape}")
    return values
