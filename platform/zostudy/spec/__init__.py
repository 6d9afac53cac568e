"""What a study asks: the study file's keys and rules, and its loading with every mistake told in one line."""

from zostudy.spec.difference import Difference, difference
from zostudy.spec.distributions import Choice, Distribution, Range
from zostudy.spec.document import dump_yaml
from zostudy.spec.loading import load_study, parse_study, study_of
from zostudy.spec.space import method_space
from zostudy.spec.study import (
    BudgetSpec,
    ConfirmSpec,
    ImbalanceSpec,
    MethodSpec,
    ModelSpec,
    ResourcesSpec,
    SearchSpec,
    SplitNames,
    StudySpec,
    TaskSpec,
)

__all__ = [
    "BudgetSpec",
    "Choice",
    "ConfirmSpec",
    "Difference",
    "Distribution",
    "ImbalanceSpec",
    "MethodSpec",
    "ModelSpec",
    "Range",
    "ResourcesSpec",
    "SearchSpec",
    "SplitNames",
    "StudySpec",
    "TaskSpec",
    "difference",
    "dump_yaml",
    "load_study",
    "method_space",
    "parse_study",
    "study_of",
]
