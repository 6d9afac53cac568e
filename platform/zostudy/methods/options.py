"""Options of the methods: frozen dataclasses. Each option's ``Doc`` is what ``zostudy methods`` and ``keys`` show.

An option may also declare its default search space, a ``LogRange`` or ``OneOf``; see ``zostudy.methods.spaces``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from annotated_types import Ge, Gt, Lt
from typing_extensions import Doc

from zostudy.methods.option_notes import LogRange, OneOf, UsedWith

Law: TypeAlias = Literal["rademacher", "gaussian", "sphere"]
SamplerName: TypeAlias = Literal["natural", "stratified"]
Prior: TypeAlias = Literal["global", "batch"]
StepRuleName: TypeAlias = Literal["adagrad-norm", "dog", "amsgrad", "r-adazo", "spread", "plain"]
ClassWeights: TypeAlias = Literal["none", "balanced"]

Direction: TypeAlias = Annotated[
    Law, Doc("law of the directions: signs, normal, or uniform on the sphere of radius sqrt(d)")
]
Estimator: TypeAlias = Annotated[
    Literal["central", "forward"],
    Doc("difference along a direction; central: of a +/- pair; forward: of one probe and the query at the latent"),
]
GradientStepRule: TypeAlias = Annotated[
    Literal["adagrad-norm", "dog", "amsgrad", "r-adazo", "plain"],
    Doc("how far a step goes: plain is learning_rate * gradient, the others are free of the loss's scale"),
]
Schedule: TypeAlias = Annotated[
    Literal["constant", "linear", "cosine"],
    Doc("how the step size falls, to 0, over the query budget"),
]
ObjectiveName: TypeAlias = Annotated[
    Literal["cross-entropy", "focal", "hinge", "logit-adjusted", "ldam", "auc", "auc-pairwise"],
    Doc(
        "loss on the label words' scores; auc is the minimax form of AUC maximisation, auc-pairwise its sum over pairs"
    ),
]


@dataclass(frozen=True, kw_only=True)
class MethodOptions:
    """The option that every method has."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    subspace_dim: Annotated[int, Ge(1), Doc("dimension d of the latent that is tuned"), LogRange(20, 500)] = 100


@dataclass(frozen=True, kw_only=True)
class ObjectiveOptions(MethodOptions):
    """The loss that a method minimises, and the settings of each loss."""

    objective: ObjectiveName = "cross-entropy"
    focal_gamma: Annotated[
        float,
        Ge(0),
        Doc("focal: exponent that plays down easy examples"),
        UsedWith("objective", ("focal",)),
        LogRange(0.5, 5),
    ] = 2.0
    hinge_margin: Annotated[float, Gt(0), Doc("hinge: margin in logits over every wrong class")] = 2.0
    logit_adjustment: Annotated[
        float,
        Gt(0),
        Doc("logit-adjusted: factor of the log priors that training adds to the scores"),
        UsedWith("objective", ("logit-adjusted",)),
        LogRange(0.3, 3),
    ] = 1.0
    ldam_margin: Annotated[
        float,
        Gt(0),
        Doc("ldam: margin of the rarest class, in logits"),
        UsedWith("objective", ("ldam",)),
        LogRange(0.3, 10),
    ] = 2.0
    auc_version: Annotated[
        Literal["v1", "v2"],
        Doc("auc: v1 is AUCM as published; v2 = v1 / (p(1-p)) keeps one scale at every imbalance ratio"),
    ] = "v2"
    alpha_projection: Annotated[
        Literal["nonnegative", "none"], Doc("auc: whether alpha is kept in [0, inf) after its ascent step")
    ] = "nonnegative"
    auxiliary_learning_rate: Annotated[
        float,
        Gt(0),
        Doc("auc: first-order step size of a, b and alpha; v1 needs about 1/(p(1-p)) times v2's"),
    ] = 0.1
    auxiliary_start: Annotated[
        Literal["closed_form", "zero"],
        Doc("auc: a, b start at the class means of the first batch, alpha at margin + b - a; or all at zero"),
    ] = "closed_form"


@dataclass(frozen=True, kw_only=True)
class ImbalanceSettings:
    """Settings of the class imbalance, which the search can vary like options."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    sampler: Annotated[
        SamplerName,
        Doc("natural: batches drawn from the training set as it is; stratified: every class in equal number"),
        OneOf(("natural", "stratified")),
    ] = "natural"
    prior: Annotated[
        Prior, Doc("class prior of the AUC objective: the sampler's fixed class shares, or those of each batch")
    ] = "global"
    margin: Annotated[float, Gt(0), Doc("AUC margin between the scores of the two classes")] = 1.0
    class_weights: Annotated[
        ClassWeights, Doc("balanced: losses weighted by the inverse of the sampler's class shares (auc has none)")
    ] = "none"


_WITH_MOMENTS = ("amsgrad", "r-adazo")

Reach: TypeAlias = Annotated[
    float,
    Gt(0),
    UsedWith("step_rule", ("adagrad-norm", "dog", "amsgrad", "r-adazo", "spread")),
    Doc("how far the first step moves each entry of the prompt, in embedding spreads"),
    LogRange(0.3, 10),
]


@dataclass(frozen=True, kw_only=True)
class ProbingOptions(ObjectiveOptions):
    """Options of the methods that probe around the latent and step against the estimated gradient."""

    queries_per_step: Annotated[
        int, Ge(1), Doc("the most queries a step may spend; it has as many directions as fit in them")
    ] = 10
    perturbation_radius: Annotated[
        float,
        Gt(0),
        Doc("probes sit at latent +- radius * direction, whose entries are of order 1"),
        LogRange(0.03, 1),
    ] = 0.1
    direction: Direction = "rademacher"
    step_rule: StepRuleName = "adagrad-norm"
    reach: Reach = 3.0
    learning_rate: Annotated[
        float,
        Gt(0),
        UsedWith("step_rule", ("plain",)),
        Doc("plain: latent -= learning_rate * gradient estimate"),
        LogRange(0.5, 500),
    ] = 0.5
    learning_rate_schedule: Schedule = "constant"
    mean_decay: Annotated[
        float, Ge(0), Lt(1), UsedWith("step_rule", _WITH_MOMENTS), Doc("decay of the mean gradient: beta 1")
    ] = 0.9
    square_decay: Annotated[
        float, Ge(0), Lt(1), UsedWith("step_rule", _WITH_MOMENTS), Doc("decay of the mean square: beta 2")
    ] = 0.999
    bias_correction: Annotated[
        bool,
        UsedWith("step_rule", _WITH_MOMENTS),
        Doc(
            "whether both means are corrected for their start at zero, as in Adam, so that the first step moves "
            "each entry by reach"
        ),
    ] = True
