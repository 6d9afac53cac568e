"""The model as a study's replicas get it: read once by the driver, shared by all replicas of a node."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from zostudy.cluster.micro_batches import MOST_EXAMPLES
from zostudy.cluster.replica import ScorerFactory, build_evaluators
from zostudy.lm.agreement import Agreement
from zostudy.lm.architecture import micro_batch_size
from zostudy.lm.frozen import Model, can_share_prompts
from zostudy.lm.weights import DType, Weights
from zostudy.results.ledger import Ledger
from zostudy.search.callback import Callback
from zostudy.search.prepare import PreparedStudy

# The cost of a model that only transformers' own code runs is not known beforehand.
MICRO_BATCH_SIZE_OF_OTHERS = 64
CHARACTERS_OF_A_TOKEN = 4
# The object store holds other things too, and must not spill what every replica reads all the time.
LARGEST_SHARE_OF_STORE = 0.8

SCORING_PACKAGES = ("zostudy", "torch", "transformers", "numpy")
"""The recorded packages that make scores, of which replicas must have the driver's versions."""


@dataclass(frozen=True)
class LoadedModel:
    """A study's model in one dtype, ready to be sent to replicas.

    Attributes:
        study: the study.
        model: its weights; or its source, if only transformers' own code runs it.
        dtype: of the matrix products.
        micro_batch_size: how many examples a micro-batch should hold.
        agreement: how near its scores are to those of transformers' own model.
    """

    study: PreparedStudy
    model: Model
    dtype: DType
    micro_batch_size: int
    agreement: Agreement

    @property
    def n_bytes(self) -> int:
        """The memory that the weights take in the object store."""
        return self.model.n_bytes if isinstance(self.model, Weights) else 0

    def scorer_factory(self) -> ScorerFactory:
        """Returns the replicas' factory. Ray, which must run, keeps tokens and weights while the factory lives."""
        import ray

        spec, encodings = self.study.plan.spec, ray.put(dict(self.study.encodings))
        model: Any = ray.put(self.model) if self._fits_store() else self.study.source
        recorded = self.study.data.versions
        arguments = (spec.model, model, encodings, self.dtype, spec.resources.cpus, recorded["weights"])
        return ScorerFactory(build_evaluators, arguments, {name: recorded[name] for name in SCORING_PACKAGES})

    def hosting_note(self) -> str | None:
        """Returns a note for the user if replicas cannot host the model the fast way. Ray must run."""
        if not isinstance(self.model, Weights):
            reason = "the packed one runs on one GPU" if self.model.spread else "this model has no packed forward"
            return f"evaluator: transformers' own code, padded and slower; {reason}"
        if not self._fits_store():
            return "weights: each replica reads its own copy, as they do not fit Ray's object store on every node"
        return None

    def _fits_store(self) -> bool:
        from zostudy.cluster.ray_api import RayApi

        smallest = min(float(node["Resources"].get("object_store_memory", 0.0)) for node in RayApi().nodes())
        return self.n_bytes <= LARGEST_SHARE_OF_STORE * smallest


def read_model(study: PreparedStudy, dtype: DType) -> LoadedModel:
    """Returns the study's model in a dtype.

    Raises:
        ModelError: it cannot be loaded, or its scores do not agree with those of transformers' own model.
    """
    verified = study.verified if study.verified.agreement.dtype == dtype else study.verify(dtype)
    size = (
        _micro_batch_size(study, verified.model) if isinstance(verified.model, Weights) else MICRO_BATCH_SIZE_OF_OTHERS
    )
    return LoadedModel(study, verified.model, dtype, size, verified.agreement)


def record_agreement(loaded: LoadedModel, ledger: Ledger, callbacks: Callback) -> None:
    """Stores and shows how near the evaluator's scores are to those of transformers.

    Raises:
        ResultsError: it cannot be stored.
    """
    agreement, spec = loaded.agreement, loaded.study.plan.spec
    row = {"study": spec.name, "model": spec.model.name, **asdict(agreement)}
    ledger.record_agreement(row)
    callbacks.on_note(agreement.line)


def _micro_batch_size(study: PreparedStudy, weights: Weights) -> int:
    spec = study.plan.spec
    return micro_batch_size(
        weights.architecture,
        _mean_tokens(study),
        spec.model.prompt_tokens,
        shared=can_share_prompts(weights.architecture, study.encoded),
        on_gpu=spec.resources.gpus > 0,
        most=MOST_EXAMPLES,
    )


def _mean_tokens(study: PreparedStudy) -> float:
    """Returns about how many tokens a text has, by all texts of the task, so that more draws change no micro-batch."""
    table = study.task.table
    characters = [len(text) for texts in (table.texts, table.second_texts or ()) for text in texts]
    return max(1.0, sum(characters) / len(table.texts) / CHARACTERS_OF_A_TOKEN)
