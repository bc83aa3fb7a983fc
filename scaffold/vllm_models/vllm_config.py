"""vLLM's config around a model's config, as far as model files read it while they make their modules."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from scaffold.vllm_models.values import Record, Unknown
from scaffold.vocabulary.lookup import spellings

ONE_RANK = {
    "tensor_parallel_size": 1, "pipeline_parallel_size": 1, "decode_context_parallel_size": 1, "data_parallel_size": 1,
    "prefill_context_parallel_size": 1, "enable_expert_parallel": False, "use_sequence_parallel_moe": False,
    "enable_eplb": False, "dcp_q_replicate": False, "eplb_config": {"num_redundant_experts": 0},
}  # fmt: skip
"""``parallel_config`` of one rank, where nothing is asked for (vLLM: config/parallel.py)."""
TEXT_KEYS = (*spellings("text_config"), "thinker_config")


def around(config: Record, draft: Record | None, latent: Set[str], ranks: int, is_quantised: bool) -> Record:
    """Return vLLM's config around a model's config.

    Args:
        config: the model's.
        draft: that of the draft, where one is made.
        latent: model types for which vLLM keeps latents in the cache.
        ranks: the tensor-parallel size.
        is_quantised: whether the model gets a quantisation.
    """
    outer = {
        "model_config": Record(_model_config(config, latent), "model_config"),
        "quant_config": Unknown("quant_config") if is_quantised else None,
        "parallel_config": Record({**ONE_RANK, "tensor_parallel_size": ranks}, "parallel_config"),
    }
    if draft is not None:
        made = Record(_model_config(draft, latent), "draft_model_config")
        outer["speculative_config"] = Record({"draft_model_config": made}, "speculative_config")
    return Record(outer, "vllm_config")


def _model_config(config: Record, latent: Set[str]) -> dict[str, Any]:
    text = next((config.get(key) for key in TEXT_KEYS if key in config.values), config)
    is_latent = isinstance(text, Record) and text.values.get("model_type") in latent
    return {"hf_config": config, "hf_text_config": text, "use_mla": is_latent}
