"""A checkpoint of the made-up model, written with safetensors and NumPy: no torch, no engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent
CONFIG: dict[str, Any] = {
    "architectures": ["NovaForCausalLM"],
    "model_type": "nova",
    "auto_map": {
        "AutoConfig": "configuration_nova.NovaConfig",
        "AutoModelForCausalLM": "modeling_nova.NovaForCausalLM",
    },
    "vocab_size": 96,
    "hidden_size": 48,
    "intermediate_size": 72,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "hidden_act": "silu",
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_type": "default", "rope_theta": 5000.0},
    "qkv_bias": True,
    "tie_word_embeddings": False,
}


def shapes(config: dict[str, Any] = CONFIG) -> dict[str, tuple[int, ...]]:
    """Return name and shape of every tensor of the model."""
    hidden, inner, size = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    found: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (config["vocab_size"], hidden),
        "model.norm.weight": (hidden,),
        "lm_head.weight": (config["vocab_size"], hidden),
    }
    for layer in range(config["num_hidden_layers"]):
        path = f"model.layers.{layer}."
        for name, count in (("q", heads), ("k", kv_heads), ("v", kv_heads)):
            found[f"{path}attention.{name}_proj.weight"] = (count * size, hidden)
            if config["qkv_bias"]:
                found[f"{path}attention.{name}_proj.bias"] = (count * size,)
        found[f"{path}attention.o_proj.weight"] = (hidden, heads * size)
        found[f"{path}ffn.gate_proj.weight"] = found[f"{path}ffn.up_proj.weight"] = (inner, hidden)
        found[f"{path}ffn.down_proj.weight"] = (hidden, inner)
        found[f"{path}norm_in.weight"] = found[f"{path}norm_out.weight"] = (hidden,)
    return found


def write_checkpoint(directory: Path, num_shards: int = 2, **changed: Any) -> Path:
    """Write the checkpoint in ``num_shards`` files with an index; ``changed`` goes into the config."""
    directory.mkdir(parents=True, exist_ok=True)
    config = {**CONFIG, **changed}
    (directory / "config.json").write_text(json.dumps(config))
    for name in ("modeling_nova.py", "configuration_nova.py"):
        (directory / name).write_text((HERE / name).read_text())
    rng = np.random.default_rng(0)
    tensors = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes(config).items()}
    weight_map = {}
    for number in range(num_shards):
        shard = f"model-{number + 1:05d}-of-{num_shards:05d}.safetensors"
        part = dict(list(tensors.items())[number::num_shards])
        save_file(part, directory / shard)
        weight_map |= dict.fromkeys(part, shard)
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return directory
