"""Sound checkpoints of different kinds, small, which the mutations start from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.checkpoint.made import checkpoint
from tests.models.build import write_checkpoint

LAYERS = range(2)
TOKENIZER = {"tokenizer_config.json": {"model_max_length": 4096, "chat_template": "{{ messages }}"}}


def nova(directory: Path) -> Path:
    """The made-up model with its modeling source, two shards and an index."""
    write_checkpoint(directory)
    (directory / "tokenizer_config.json").write_text(json.dumps(TOKENIZER["tokenizer_config.json"]))
    return directory


def fp8(directory: Path) -> Path:
    """Experts in fp8 blocks, a layer for multi-token prediction."""
    tensors = {"model.embed_tokens.weight": ("BF16", (8, 8)), "model.layers.2.eh_proj.weight": ("BF16", (8, 16))}
    for layer in LAYERS:
        for expert in range(3):
            name = f"model.layers.{layer}.mlp.experts.{expert}.up_proj.weight"
            tensors |= {name: ("F8_E4M3", (8, 8)), f"{name}_scale_inv": ("F32", (1, 1))}
    config = {"quant_method": "fp8", "weight_block_size": [128, 128], "activation_scheme": "dynamic"}
    more = {"n_routed_experts": 3, "num_nextn_predict_layers": 1, "kv_lora_rank": 4, "qk_rope_head_dim": 2}
    return checkpoint(directory, tensors, TOKENIZER, quantization_config=config, **more)


def slim(directory: Path) -> Path:
    """ModelSlim's description beside int8 weights."""
    tensors = {f"model.layers.{i}.up_proj.{p}": form for i in LAYERS
               for p, form in (("weight", ("I8", (8, 8))), ("weight_scale", ("F32", (8, 1))))}  # fmt: skip
    described = dict.fromkeys(tensors, "W8A8_DYNAMIC")
    return checkpoint(directory, tensors, {"quant_model_description.json": described})


def packed(directory: Path) -> Path:
    """GPTQ, with a description of groups as compressed-tensors has it."""
    tensors = {f"model.layers.{i}.up_proj.{p}": form for i in LAYERS
               for p, form in (("qweight", ("I32", (1, 8))), ("scales", ("F16", (1, 8))))}  # fmt: skip
    group = {"weights": {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 8}, "targets": ["Linear"]}
    config = {"quant_method": "gptq", "bits": 4, "group_size": 8, "config_groups": {"group_0": group}}
    return checkpoint(directory, tensors, TOKENIZER, quantization_config=config)


def nested(directory: Path) -> Path:
    """A vision model: a text config inside, rope scaling per kind of layer, sliding layers."""
    tensors = {
        "vision_tower.w": ("F32", (2, 2)),
        "language_model.model.layers.0.self_attn.k_proj.weight": ("BF16", (4, 4)),
    }
    rope = {"full_attention": {"rope_type": "linear", "factor": 8.0}, "sliding_attention": {"rope_type": "default"}}
    text = {
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": [2, 1], "hidden_size": 16,
        "max_position_embeddings": 128, "sliding_window": 8, "rope_parameters": rope,
        "layer_types": ["sliding_attention", "full_attention"],
    }  # fmt: skip
    files = {"preprocessor_config.json": {}, **TOKENIZER}
    return checkpoint(
        directory, tensors, files, text_config=text, vision_config={"hidden_size": 4}, torch_dtype="float16"
    )


BASES: tuple[Callable[[Path], Path], ...] = (nova, fp8, slim, packed, nested)
