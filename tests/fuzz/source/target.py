"""One piece of modeling source, read as ``inspect`` and ``new-model`` read it: a spec, or one of the clean errors."""

from __future__ import annotations

import gc
import resource
import time
from dataclasses import dataclass
from pathlib import Path

from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.common.errors import ScaffoldError
from scaffold.reading.from_source import read_decoder
from scaffold.source.locate import find
from scaffold.source.python.errors import NotUnderstood
from tests.checkpoint.made import checkpoint as write_checkpoint
from tests.fuzz.source import host

SECONDS = 20.0
"""Of the processor."""
MEGABYTES = 500
CLASS = "NovaForCausalLM"
CONFIG = {"architectures": [CLASS], "model_type": "nova", "intermediate_size": 72, "head_dim": 32,
          "hidden_size": 128, "num_attention_heads": 4, "num_hidden_layers": 2, "rms_norm_eps": 1e-5,
          "hidden_act": "silu", "max_position_embeddings": 128, "qkv_bias": True, "tie_word_embeddings": False,
          "rope_parameters": {"rope_type": "default", "rope_theta": 5000.0}, "rope_theta": 5000.0,
          "attention_bias": False, "mlp_bias": False, "attention_dropout": 0.0, "pad_token_id": None, "use_cache": True,
          "sliding_window": 16, "layer_types": ["full_attention", "sliding_attention"], "initializer_range": 0.02,
          "num_experts": 8, "num_local_experts": 8, "n_routed_experts": 8, "num_experts_per_tok": 2, "n_group": 2,
          "topk_group": 1, "moe_intermediate_size": 24, "n_shared_experts": 1, "first_k_dense_replace": 1,
          "norm_topk_prob": True, "routed_scaling_factor": 1.5, "kv_lora_rank": 16, "q_lora_rank": 24,
          "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "qk_head_dim": 24, "v_head_dim": 16, "layer_norm_eps": 1e-5,
          "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "bias": False, "use_bias": False,
          "partial_rotary_factor": 0.5, "logit_scale": 0.5, "use_qk_norm": True, "hidden_dropout": 0.0,
          "use_sliding_window": True, "swiglu_limit": 7.0, "decoder_sparse_step": 1, "mlp_only_layers": [],
          "final_logit_softcapping": 30.0, "attn_logit_softcapping": 50.0, "query_pre_attn_scalar": 32,
          "hidden_activation": "gelu_pytorch_tanh", "residual_multiplier": 0.5, "embedding_multiplier": 2.0,
          "attention_multiplier": 0.25, "logits_scaling": 4.0, "no_rope_layers": [1, 0]}  # fmt: skip


@dataclass(frozen=True)
class Desk:
    """Where the source is written, and the checkpoint that it is read for."""

    folder: Path
    checkpoint: Checkpoint
    transformers: Path | None = None


def desk(folder: Path, transformers: Path | None = None) -> Desk:
    """Make a desk in an empty folder."""
    made = write_checkpoint(folder / "checkpoint", {"model.embed_tokens.weight": ("BF16", (512, 128))}, **CONFIG)
    return Desk(folder, read_checkpoint(made), transformers)


def run(at: Desk, text: bytes) -> str:
    """Read modeling source; return ``read``, or the name of the clean error that it ended in.

    Raises:
        Exception: any other one is what a fuzzer looks for.
    """
    path = at.folder / "modeling_fuzzed.py"
    path.write_bytes(text)
    try:
        source = find(CLASS, "nova", {}, at.checkpoint.path, at.transformers, path)
        assert source is not None
        read_decoder(source, at.checkpoint)
    except (NotUnderstood, ScaffoldError) as error:
        return type(error).__name__
    return "read"


def clean() -> set[str]:
    """Return what ``run`` gives where all is well: ``read``, or a clean error, of whichever kind there are by now."""
    kinds = [NotUnderstood, ScaffoldError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return {"read", *(kind.__name__ for kind in kinds)}


def judge(at: Desk, text: bytes) -> str:
    """Run as `run`, and check what it took and left behind.

    Raises:
        AssertionError: it took too long or too much memory, or the process's own modules are not what they were.
        Exception: what is no clean error.
    """
    before, started, memory = host.picture(), time.process_time(), _peak()
    try:
        return run(at, text)
    finally:
        seconds, megabytes = time.process_time() - started, _peak() - memory
        assert not (changes := host.changed(before)), f"changed: {changes[:5]}"
        assert seconds < SECONDS, f"{seconds:.1f} s of the processor"
        assert megabytes < MEGABYTES, f"{megabytes} MB more"
        if megabytes > MEGABYTES // 10:
            gc.collect()


def _peak() -> int:
    """Return the most memory that the process had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
