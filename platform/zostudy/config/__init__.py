"""The study file: its keys and rules, and its loading, which reports each mistake in one line."""

from zostudy.config.changes import StudyChanges, study_changes
from zostudy.config.distributions import Choice, Distribution, Range
from zostudy.config.imbalance import ImbalanceSpec
from zostudy.config.loading import load_study, parse_study, study_of
from zostudy.config.model import ModelSpec
from zostudy.config.search import BudgetSpec, ConfirmSpec, SearchSpec
from zostudy.config.space import method_space, with_default_space
from zostudy.config.study import MethodSpec, ResourcesSpec, StudySpec
from zostudy.config.task import SplitNames, TaskSpec, WordingSpec
from zostudy.document import dump_yaml

__all__ = [
    "BudgetSpec",
    "Choice",
    "ConfirmSpec",
    "Distribution",
    "ImbalanceSpec",
    "MethodSpec",
    "ModelSpec",
    "Range",
    "ResourcesSpec",
    "SearchSpec",
    "SplitNames",
    "StudyChanges",
    "StudySpec",
    "TaskSpec",
    "WordingSpec",
    "dump_yaml",
    "load_study",
    "method_space",
    "parse_study",
    "study_changes",
    "study_of",
    "with_default_space",
]
