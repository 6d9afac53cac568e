"""ZOSA on BPT-FZG's objective: a composition that no paper has."""

from __future__ import annotations

from dataclasses import dataclass

from zostudy.methods.options import ObjectiveName
from zostudy.methods.registry import register_method
from zostudy.methods.zosa import Zosa, ZosaOptions


@dataclass(frozen=True, kw_only=True)
class ZosaAucOptions(ZosaOptions):
    """Options of ZOSA on the AUC minimax."""

    objective: ObjectiveName = "auc"


@register_method("zosa-auc")
class ZosaAuc(Zosa):
    """ZOSA's two stages on the minimax form of AUC maximisation: zosa with the objective auc. Ours.

    z is moved as in ``zosa``; a, b and alpha step from the scores at z, as in ``bpt-fzg``. A step costs 2(m + 1)
    queries.
    """

    Options = ZosaAucOptions
    use = "to tell ZOSA's ascent from its loss; with defaults below fzoo on two embedded models, level on the third"
