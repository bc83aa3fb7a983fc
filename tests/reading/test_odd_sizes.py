"""Sizes of 0 and odd ratios are read as they are, and the weights are proved: the source is transformers' own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.feed_forwards.experts.spec import ExpertsSpec
from scaffold.mapping.proved import prove_weights
from scaffold.reading.of_checkpoint import Reading, read_model_of
from tests.checkpoint.made import checkpoint
from tests.disagreements.llama import CONFIG, LAYERS, Tensors
from tests.sampled import costly, sampled

GRANITE = {
    "architectures": ["GraniteMoeSharedForCausalLM"], "model_type": "granitemoeshared", "intermediate_size": 96,
    "num_experts_per_tok": 2, "tie_word_embeddings": True, "embedding_multiplier": 12.0, "logits_scaling": 6.0,
    "residual_multiplier": 0.22, "attention_multiplier": 0.015625,
}  # fmt: skip


def attention(heads: int, kv_heads: int, size: int, hidden: int) -> tuple[Tensors, dict[str, Any]]:
    """Return tensors and config of a Llama without feed-forward blocks."""
    held: Tensors = {"model.embed_tokens.weight": ("BF16", (512, hidden)), "model.norm.weight": ("BF16", (hidden,))}
    for layer in range(LAYERS):
        path = f"model.layers.{layer}."
        rows = (("q", heads), ("k", kv_heads), ("v", kv_heads))
        held |= {f"{path}self_attn.{name}_proj.weight": ("BF16", (n * size, hidden)) for name, n in rows}
        held[f"{path}self_attn.o_proj.weight"] = ("BF16", (hidden, heads * size))
        held |= {
            f"{path}{name}.weight": ("BF16", (hidden,)) for name in ("input_layernorm", "post_attention_layernorm")
        }
    sizes = {"num_attention_heads": heads, "num_key_value_heads": kv_heads, "head_dim": size, "hidden_size": hidden}
    return held, {**CONFIG, **sizes}


def granite(shared: int, experts: int) -> tuple[Tensors, dict[str, Any]]:
    held, config = attention(4, 2, 32, 128)
    for layer in range(LAYERS):
        path = f"model.layers.{layer}."
        held[f"{path}block_sparse_moe.input_linear.weight"] = ("BF16", (experts, 2 * 96, 128))
        held[f"{path}block_sparse_moe.output_linear.weight"] = ("BF16", (experts, 128, 96))
        held[f"{path}block_sparse_moe.router.layer.weight"] = ("BF16", (experts, 128))
        if shared:
            held[f"{path}shared_mlp.input_linear.weight"] = ("BF16", (2 * shared, 128))
            held[f"{path}shared_mlp.output_linear.weight"] = ("BF16", (128, shared))
    return held, {**config, **GRANITE, "num_local_experts": experts, "shared_intermediate_size": shared}


def llama(heads: int, kv_heads: int, size: int, hidden: int) -> tuple[Tensors, dict[str, Any]]:
    held, config = attention(heads, kv_heads, size, hidden)
    held["lm_head.weight"] = ("BF16", (512, hidden))
    for layer in range(LAYERS):
        path = f"model.layers.{layer}.mlp."
        held |= {f"{path}{name}_proj.weight": ("BF16", (320, hidden)) for name in ("gate", "up")}
        held[f"{path}down_proj.weight"] = ("BF16", (hidden, 320))
    return held, config


def read(directory: Path, model: tuple[Tensors, dict[str, Any]], transformers: Path) -> Reading:
    return read_model_of(read_checkpoint(checkpoint(directory / "c", model[0], **model[1])), transformers)


CASES = {
    "granite without a shared MLP": granite(0, 4),
    "granite with one, as many chosen as there are experts": granite(80, 2),
    "3 KV heads of 9": llama(9, 3, 32, 288),
    "1 KV head of 7": llama(7, 1, 32, 224),
    "heads together wider than the hidden size": llama(4, 2, 64, 128),
    "heads together narrower than the hidden size": llama(4, 2, 16, 128),
}


@pytest.mark.parametrize("name", sampled(CASES, every=3))
def test_an_odd_size_is_read_and_its_weights_are_proved(name: str, tmp_path: Path, transformers_source: Path) -> None:
    reading = read(tmp_path, CASES[name], transformers_source)
    assert reading.spec.decoder is not None, reading.spec.holes
    proved = prove_weights(reading.spec.decoder, reading.checkpoint, reading.source)
    assert proved.proof.findings == ()


@costly
def test_a_size_of_0_switches_the_shared_mlp_off(tmp_path: Path, transformers_source: Path) -> None:
    for shared in (0, 80):
        decoder = read(tmp_path / str(shared), granite(shared, 4), transformers_source).spec.decoder
        assert decoder is not None
        block = decoder.layer.feed_forward
        assert isinstance(block, ExpertsSpec)
        assert (block.shared is not None) == bool(shared)
