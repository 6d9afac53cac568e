"""BPT-FZG with ZOSA's ascent: a composition that no paper has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge
from typing_extensions import Doc

from zostudy.methods.ascent import AscendingMethod, AscentOptions
from zostudy.methods.bpt_fzg import BptFzg, BptFzgOptions
from zostudy.methods.registry import register_method


@dataclass(frozen=True, kw_only=True)
class BptFzgSamOptions(BptFzgOptions, AscentOptions):
    """Options of BPT-FZG with the ascent."""

    queries_per_step: Annotated[
        int, Ge(1), Doc("the most queries a step may spend, over both stages: twice those of bpt-fzg")
    ] = 12


@register_method("bpt-fzg-sam")
class BptFzgSam(AscendingMethod, BptFzg):
    """BPT-FZG's step from the estimate at an ascended point, as ZOSA takes it. The composition is ours.

        g = BPT-FZG's estimate at z,  sigma = std of the loss changes along its directions
        z' = z + sharpness_radius * g / sigma
        g' = the same estimate at z', along fresh directions;   z <- z - learning_rate * g'

    a, b and alpha step from the scores at z. ``step_rule: plain`` is these lines. By default g / sigma is scaled to a
    length of at most about sqrt(d), so that ``sharpness_radius`` counts embedding spreads. As each example has a base
    loss of its own, sigma is taken of the changes of the losses; with one direction for all it is ZOSA's.

    Cost: 2(1 + R) queries a step (``forward``), twice what ``bpt-fzg`` takes, or 1 + 4R (``central``). The 1 is at
    z; at z' central differences take none.

    Settings: No paper has the composition. ``queries_per_step`` 12, so the repeats of ``bpt-fzg`` in each stage, and
    ``sharpness_radius`` 0.1 are ours; all others are those of ``bpt-fzg``.
    """

    Options = BptFzgSamOptions
    options: BptFzgSamOptions
    use = (
        "to study flatness under the AUC objective; "
        "with defaults below bpt-fzg on two embedded models of three; above bpt-fzg in 0 of 7 blocks of the record"
    )
