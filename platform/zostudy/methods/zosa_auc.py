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

    With F the saddle function of ``bpt-fzg`` (``AucMinimax``), averaged over the batch, at the step's a, b and alpha:

        g from l_0 = F(z), l_i = F(z + radius u_i), whose spread is sigma;   z' = z + sharpness_radius * g / sigma
        g' from l'_0 = F(z'), l'_i = F(z' + radius v_i);   z <- z - learning_rate * g' / sigma
        a, b descend and alpha ascends, from the scores at z

    g, g' and the scaling of both moves are those of ``zosa``.

    Cost: 2(m + 1) queries a step, 2m + 1 with ``baseline: at_current``. The scores at z, from which a, b and alpha
    step, are those of l_0, which cost nothing more.

    Settings: No paper has the composition. ``objective: auc`` is ours; all others are those of ``zosa``.
    """

    Options = ZosaAucOptions
    use = (
        "to tell ZOSA's ascent from its loss; "
        "with defaults below fzoo on two embedded models, and below zosa in mean rank on real text; "
        "above bpt-fzg in 0 of 7 blocks of the record"
    )
