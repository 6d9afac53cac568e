"""The study file: its keys and rules, and its loading, which reports each mistake in one line."""

from zostudy.config.difference import Difference, difference
from zostudy.config.distributions import Choice, Distribution, Range
from zostudy.config.loading import load_study, parse_study, study_of
from zostudy.config.model import ModelSpec
from zostudy.config.space import method_space, with_default_space
from zostudy.config.study import (
    BudgetSpec,
    ConfirmSpec,
    ImbalanceSpec,
    MethodSpec,
    ResourcesSpec,
    SearchSpec,
    StudySpec,
)
from zostudy.config.task import SplitNames, TaskSpec, WordingSpec
from zostudy.document import dump_yaml

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
    "WordingSpec",
    "difference",
    "dump_yaml",
    "load_study",
    "method_space",
    "parse_study",
    "study_of",
    "with_default_space",
]
