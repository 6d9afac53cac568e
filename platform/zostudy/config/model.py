"""The ``model`` section of a study file: the frozen model, and its prompt."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from zostudy.config.field_types import Positive, PositiveNumber, Section, Text, Whole, key
from zostudy.config.known import HeadKind

SubspaceKind = Literal["random", "none"]


class ModelSpec(Section):
    """The frozen model, and how the prompt enters it."""

    name: Annotated[
        Text,
        key("an embedded model, minilm, a hub id, or a folder relative to the study file", example="mini-roberta"),
    ]
    head: Annotated[
        Literal["auto", HeadKind],
        key("how the model scores a text; auto: as its architecture suggests", example="masked"),
    ] = "auto"
    prompt_tokens: Annotated[
        Whole,
        Field(ge=0),
        key("number of prompt vectors in front of each text; 0: none, so that nothing can be tuned", example="20"),
    ] = 10
    prompt_scale: Annotated[
        PositiveNumber,
        key(
            "standard deviation of a prompt entry for a standard normal latent, in units of the embedding "
            "table's standard deviation",
            example="0.5",
        ),
    ] = 1.0
    start: Annotated[
        Literal["vocabulary", "text", "best-of-k"],
        key(
            "where a prompt starts; vocabulary: at random tokens; text: at start_text; best-of-k: at the best "
            "of start_draws random draws, by AUC on equally many dev rows of each class; the queries of this "
            "choice count",
            example="best-of-k",
        ),
    ] = "vocabulary"
    start_text: Annotated[
        Text | None,
        key(
            "with start: text, the words at which the prompt starts; they are repeated or cut to prompt_tokens tokens",
            example="is this review good?",
        ),
    ] = None
    start_draws: Annotated[
        Positive, key("with start: best-of-k, the number of random draws to choose from", example="16")
    ] = 8
    subspace: Annotated[
        SubspaceKind,
        key(
            "random: a method tunes subspace_dim numbers, which a random matrix spreads over the prompt; none: it "
            "tunes every entry of the prompt, so that d is prompt_tokens times the width of the embeddings",
            example="none",
        ),
    ] = "random"
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16"],
        key(
            "data type of the matrix products; auto: bfloat16 where the processor has a unit for it and its "
            "rounding, as measured, hides no cell's loss differences; else float32",
            example="float32",
        ),
    ] = "auto"
    max_length: Annotated[
        Positive | None, key("longest input in tokens, prompt included; null: the model's own limit", example="128")
    ] = None
    temperature: Annotated[PositiveNumber, key("factor on the cosines of the encoder head", example="10")] = 20.0
    revision: Annotated[Text | None, key("hub revision: branch, tag or commit", example="c5f93e2")] = None
    trust_remote_code: Annotated[
        StrictBool,
        key("run Python files that come with the model; they run as you, here and on every node", example="true"),
    ] = False
