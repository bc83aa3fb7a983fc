"""A Llama of made-up sizes, as headers alone: what the tests of disagreements change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scaffold.checkpoint.read import read_checkpoint
from scaffold.disagreements.finding import Disagreement
from scaffold.disagreements.table import disagreements
from tests.checkpoint.made import checkpoint

HIDDEN, HEADS, SIZE, KV_HEADS, LAYERS, VOCAB, INNER = 128, 4, 32, 2, 2, 512, 320
CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN, "head_dim": SIZE,
    "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "num_hidden_layers": LAYERS, "vocab_size": VOCAB,
    "intermediate_size": INNER, "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "max_position_embeddings": 256, "tie_word_embeddings": False, "attention_bias": False, "mlp_bias": False,
    "torch_dtype": "bfloat16",
}  # fmt: skip
Tensors = dict[str, tuple[str, tuple[int, ...]]]


def tensors(dtype: str = "BF16") -> Tensors:
    """Return name → data type and shape of all tensors."""
    found: Tensors = {"model.embed_tokens.weight": (dtype, (VOCAB, HIDDEN))}
    for layer in range(LAYERS):
        path = f"model.layers.{layer}."
        found |= {
            f"{path}input_layernorm.weight": (dtype, (HIDDEN,)),
            f"{path}self_attn.q_proj.weight": (dtype, (HEADS * SIZE, HIDDEN)),
            f"{path}self_attn.k_proj.weight": (dtype, (KV_HEADS * SIZE, HIDDEN)),
            f"{path}self_attn.v_proj.weight": (dtype, (KV_HEADS * SIZE, HIDDEN)),
            f"{path}self_attn.o_proj.weight": (dtype, (HIDDEN, HEADS * SIZE)),
            f"{path}post_attention_layernorm.weight": (dtype, (HIDDEN,)),
            f"{path}mlp.gate_proj.weight": (dtype, (INNER, HIDDEN)),
            f"{path}mlp.up_proj.weight": (dtype, (INNER, HIDDEN)),
            f"{path}mlp.down_proj.weight": (dtype, (HIDDEN, INNER)),
        }
    return {**found, "model.norm.weight": (dtype, (HIDDEN,)), "lm_head.weight": (dtype, (VOCAB, HIDDEN))}


def write(directory: Path, held: Tensors | None = None, **changed: Any) -> Path:
    """Write the checkpoint; ``changed`` goes into its config."""
    return checkpoint(directory / "llama", tensors() if held is None else held, **{**CONFIG, **changed})


def found(directory: Path, held: Tensors | None = None, **changed: Any) -> list[Disagreement]:
    """Return the disagreements of a checkpoint whose model was not read."""
    return list(disagreements(read_checkpoint(write(directory, held, **changed))))
