"""The shapes of the three embedded models, one for each family of the papers."""

from __future__ import annotations

from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
)

_WIDTH, _LAYERS, _HEADS, _INNER_WIDTH, _POSITIONS = 64, 2, 4, 128, 128


def untrained_model(model_name: str, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """Returns a model at its initial weights, which have a spread of 1/sqrt(width).

    Args:
        model_name: ``mini-roberta``, ``mini-gpt2`` or ``mini-llama``.
        tokenizer: gives the size of the vocabulary and the special tokens.
    """
    special_ids = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    shape = {"vocab_size": len(tokenizer), "initializer_range": _WIDTH**-0.5, "tie_word_embeddings": True}
    if model_name == "mini-gpt2":
        return GPT2LMHeadModel(
            GPT2Config(
                n_embd=_WIDTH, n_layer=_LAYERS, n_head=_HEADS, n_inner=_INNER_WIDTH, n_positions=_POSITIONS,
                resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **shape, **special_ids,
            )
        )  # fmt: skip
    shape |= {
        "hidden_size": _WIDTH,
        "num_hidden_layers": _LAYERS,
        "num_attention_heads": _HEADS,
        "intermediate_size": _INNER_WIDTH,
    }
    if model_name == "mini-llama":
        return LlamaForCausalLM(LlamaConfig(max_position_embeddings=_POSITIONS, **shape, **special_ids))
    return RobertaForMaskedLM(
        RobertaConfig(
            max_position_embeddings=_POSITIONS + 2, type_vocab_size=1, hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0, **shape, **special_ids,
        )
    )  # fmt: skip
