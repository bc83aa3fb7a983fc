"""A sparse twin of the published DeepSeek-V3 checkpoint: its names, shapes and dtypes in 163 shards, and no data.

688 GB apparent, some MB on disk: only headers are written, the rest of each file is a hole.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from pathlib import Path

from scaffold.checkpoint.headers import DTYPE_BITS
from scaffold.weights.transforms import Scale

SHARDS = 163
CONFIG = {
    "architectures": ["DeepseekV3ForCausalLM"],
    "model_type": "deepseek_v3",
    "vocab_size": 129280,
    "hidden_size": 7168,
    "intermediate_size": 18432,
    "moe_intermediate_size": 2048,
    "num_hidden_layers": 61,
    "num_nextn_predict_layers": 1,
    "num_attention_heads": 128,
    "num_key_value_heads": 128,
    "n_routed_experts": 256,
    "n_shared_experts": 1,
    "first_k_dense_replace": 3,
    "q_lora_rank": 1536,
    "kv_lora_rank": 512,
    "qk_rope_head_dim": 64,
    "qk_nope_head_dim": 128,
    "v_head_dim": 128,
    "tie_word_embeddings": False,
    "quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128]},
}
Tensor = tuple[str, str, tuple[int, ...]]


def tensors(layers: int = 61) -> Iterator[Tensor]:
    """Yield name, dtype and shape of every tensor, the layer for multi-token prediction last."""
    from tests.weights.by_hand import deepseek_v3_fp8

    for rule in deepseek_v3_fp8({**CONFIG, "num_hidden_layers": layers}).rules:
        for values in rule.instances() if rule.shape else ():
            yield from _with_scale(rule.source.format_map(values), rule.shape or (), rule.scale is not None)
    mtp = deepseek_v3_fp8({**CONFIG, "num_hidden_layers": layers + 1, "first_k_dense_replace": 0})
    for rule in mtp.rules:
        for values in rule.instances() if rule.shape and "{layer}" in rule.source else ():
            if values["layer"] == layers:
                yield from _with_scale(rule.source.format_map(values), rule.shape or (), rule.scale is not None)
    hidden, vocab = 7168, 129280
    for name, shape in (("embed_tokens", (vocab, hidden)), ("shared_head.head", (vocab, hidden)),
                        ("eh_proj", (hidden, 2 * hidden)), ("enorm", (hidden,)), ("hnorm", (hidden,)),
                        ("shared_head.norm", (hidden,))):  # fmt: skip
        yield f"model.layers.{layers}.{name}.weight", "BF16", shape


def _with_scale(name: str, shape: tuple[int, ...], quantised: bool) -> Iterator[Tensor]:
    if not quantised:
        yield name, "F32" if name.endswith("correction_bias") else "BF16", shape
        return
    yield name, "F8_E4M3", shape
    yield f"{name}_scale_inv", "F32", Scale("", (128, 128)).shape(shape)


def write(directory: Path, layers: int = 61) -> int:
    """Write the twin; return the number of its tensors."""
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps({**CONFIG, "num_hidden_layers": layers}))
    found = list(tensors(layers))
    per_shard = math.ceil(len(found) / SHARDS)
    weight_map = {}
    for number in range(SHARDS):
        part = found[number * per_shard : (number + 1) * per_shard]
        if not part:
            continue
        shard = f"model-{number + 1:05d}-of-{SHARDS:06d}.safetensors"
        header, position = {}, 0
        for name, dtype, shape in part:
            size = math.prod(shape) * DTYPE_BITS[dtype] // 8
            header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, position + size]}
            position += size
            weight_map[name] = shard
        raw = json.dumps(header).encode()
        with (directory / shard).open("wb") as file:
            file.write(struct.pack("<Q", len(raw)) + raw)
            file.truncate(8 + len(raw) + position)
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return len(found)
