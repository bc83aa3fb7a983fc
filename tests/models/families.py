"""Checkpoints of well-known families at made-up sizes, headers only: the data is a hole in the file."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Shapes = dict[str, tuple[int, ...]]
SIZES: dict[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "vocab_size": 512,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": False,
    "hidden_act": "silu",
    "rope_theta": 10000.0,
    "torch_dtype": "bfloat16",
}
CONFIGS: dict[str, dict[str, Any]] = {
    "llama": {"architectures": ["LlamaForCausalLM"], "attention_bias": False, "mlp_bias": False},
    "qwen2": {"architectures": ["Qwen2ForCausalLM"]},
    "qwen3": {"architectures": ["Qwen3ForCausalLM"], "attention_bias": False},
    "olmo2": {"architectures": ["Olmo2ForCausalLM"], "attention_bias": False},
    "granite": {
        "architectures": ["GraniteForCausalLM"], "attention_bias": False, "mlp_bias": False,
        "embedding_multiplier": 12.0, "logits_scaling": 8.0, "residual_multiplier": 0.5, "attention_multiplier": 0.25,
    },
    "mixtral": {"architectures": ["MixtralForCausalLM"], "num_local_experts": 4, "num_experts_per_tok": 2},
    "qwen3_moe": {
        "architectures": ["Qwen3MoeForCausalLM"], "attention_bias": False, "num_experts": 4, "num_experts_per_tok": 2,
        "moe_intermediate_size": 64, "decoder_sparse_step": 1, "mlp_only_layers": [], "norm_topk_prob": True,
    },
}  # fmt: skip


def config_of(family: str, **changed: Any) -> dict[str, Any]:
    """Return the config of a family; a value of None takes a key away."""
    config = {"model_type": family, **SIZES, **CONFIGS[family], **changed}
    return {key: value for key, value in config.items() if value is not None}


def shapes_of(family: str, config: Mapping[str, Any] | None = None) -> Shapes:
    """Return name and shape of every tensor of a family's model, as published."""
    config = config or config_of(family)
    hidden, inner, vocab = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    size = config.get("head_dim") or hidden // config["num_attention_heads"]
    heads, kv_heads = (config[name] for name in ("num_attention_heads", "num_key_value_heads"))
    found: Shapes = {"model.embed_tokens.weight": (vocab, hidden)}
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        for name, rows in (("q", heads), ("k", kv_heads), ("v", kv_heads)):
            found[f"{at}self_attn.{name}_proj.weight"] = (rows * size, hidden)
            if family == "qwen2":
                found[f"{at}self_attn.{name}_proj.bias"] = (rows * size,)
        found[f"{at}self_attn.o_proj.weight"] = (hidden, heads * size)
        for name, rows in (("q", heads), ("k", kv_heads)):
            if family in ("qwen3", "qwen3_moe"):
                found[f"{at}self_attn.{name}_norm.weight"] = (size,)
            if family == "olmo2":
                found[f"{at}self_attn.{name}_norm.weight"] = (rows * size,)
        norms = ("post_feedforward_layernorm",) if family == "olmo2" else ("input_layernorm",)
        for norm in (*norms, "post_attention_layernorm"):
            found[f"{at}{norm}.weight"] = (hidden,)
        found |= _feed_forward(family, at, hidden, inner, config)
    return found | {"model.norm.weight": (hidden,), "lm_head.weight": (vocab, hidden)}


def _feed_forward(family: str, at: str, hidden: int, inner: int, config: Mapping[str, Any]) -> Shapes:
    names, count, block = ("gate_proj", "up_proj", "down_proj"), 0, "mlp"
    if family == "mixtral":
        names, count, block = ("w1", "w3", "w2"), config["num_local_experts"], "block_sparse_moe"
    if family == "qwen3_moe":
        count, inner = config["num_experts"], config["moe_intermediate_size"]
    gate, up, down = names
    matrices = {gate: (inner, hidden), up: (inner, hidden), down: (hidden, inner)}
    if not count:
        return {f"{at}{block}.{name}.weight": shape for name, shape in matrices.items()}
    found: Shapes = {f"{at}{block}.gate.weight": (count, hidden)}
    for expert in range(count):
        found |= {f"{at}{block}.experts.{expert}.{name}.weight": shape for name, shape in matrices.items()}
    return found


def write(folder: Path, config: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], file: str = "") -> Path:
    """Write a checkpoint of BF16 tensors as one file; only its header has bytes on disk."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        size = 2
        for number in shape:
            size *= number
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    path = folder / (file or "model.safetensors")
    with path.open("wb") as out:
        out.write(struct.pack("<Q", len(raw)) + raw)
        out.truncate(8 + len(raw) + end)
    return folder
