"""The vocabulary tokens nearest to each vector of a tuned prompt."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, cdist, tensor
from torch.nn import functional

from zostudy.export.prompt import TunedPrompt, tuned_prompt
from zostudy.export.trials import StoredTrial
from zostudy.lm.finding import find_model
from zostudy.lm.vocabulary import Vocabulary


@dataclass(frozen=True)
class Neighbour:
    """A token, and the cosine and Euclidean distance between its embedding and a prompt vector."""

    token: str
    id: int
    cosine: float
    distance: float


@dataclass(frozen=True)
class PromptVector:
    """A vector of a prompt.

    Attributes:
        position: in the prompt, from 0.
        start: the token at whose embedding the vector started.
        nearest: the nearest tokens by cosine, the nearest first.
    """

    position: int
    start: Neighbour
    nearest: tuple[Neighbour, ...]


def nearest_tokens(trial: StoredTrial, top: int, trust_remote_code: bool = False) -> list[PromptVector]:
    """Returns each prompt vector of a trial with the ``top`` tokens nearest to it.

    Raises:
        ZostudyError: the model cannot be loaded, or the study's data is needed and missing.
    """
    spec = trial.study.spec.model.model_copy(update={"trust_remote_code": trust_remote_code})
    source = find_model(spec)
    task, _ = trial.task(source.head)
    prompt = tuned_prompt(spec, source, task, trial)
    embeddings = prompt.embeddings.float()
    cosines = functional.normalize(prompt.vectors, dim=-1) @ functional.normalize(embeddings, dim=-1).T
    distances = cdist(prompt.vectors, embeddings, compute_mode="donot_use_mm_for_euclid_dist")
    tokens = tensor(Vocabulary(prompt.tokenizer, len(embeddings)).tokens)
    nearest = tokens[cosines[:, tokens].topk(min(top, len(tokens)), dim=-1).indices]
    return [
        PromptVector(
            position,
            _neighbour(prompt, int(prompt.start[position]), cosines[position], distances[position]),
            tuple(
                _neighbour(prompt, token, cosines[position], distances[position])
                for token in nearest[position].tolist()
            ),
        )
        for position in range(len(prompt.vectors))
    ]


def _neighbour(prompt: TunedPrompt, token: int, cosines: Tensor, distances: Tensor) -> Neighbour:
    written = str(prompt.tokenizer.convert_ids_to_tokens(token))
    return Neighbour(written, token, float(cosines[token]), float(distances[token]))
