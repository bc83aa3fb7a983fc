"""What a real vLLM tree knows of an architecture, and which registered ones have the nearest tensor names."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.checkpoint.patterns import Pattern
from scaffold.roots.nearest import nearest, words
from scaffold.roots.registered import registry_facts
from scaffold.roots.vllm_tree import read_vllm_tree

KNOWN = (
    ("Qwen3ForCausalLM", "natively, for text generation", "beside the registry"),
    ("Phi3ForCausalLM", "natively, for text generation and natively, for embeddings", "beside the registry"),
    ("DeepseekV4ForCausalLM", "natively, for text generation", "a full module path, vllm.models.deepseek_v4"),
    ("LlavaForConditionalGeneration", "multimodal", "beside the registry"),
    ("GPTNeoXForCausalLM", "through the Transformers backend", "beside the registry, transformers"),
    ("TransformersForCausalLM", "the Transformers backend itself", "beside the registry, transformers"),
    ("JAISLMHeadModel", "no longer: until vLLM 0.22.0", ""),
    ("BartModel", "out of tree, https://github.com/vllm-project/bart-plugin", ""),
    ("NovaForCausalLM", "not registered", ""),
)


@pytest.mark.parametrize(("architecture", "how", "form"), KNOWN)
def test_how_an_architecture_is_registered(vllm_source: Path, architecture: str, how: str, form: str) -> None:
    found = registry_facts(read_vllm_tree(vllm_source), architecture)
    assert how in found.how
    assert form in found.form
    assert found.version == "0.32.0"


def pattern(name: str) -> Pattern:
    return Pattern(name, "BF16", (2, 2), 1, 8)


LLAMA = (
    *(pattern(f"model.layers.*.self_attn.{p}_proj.weight") for p in "qkvo"),
    *(pattern(f"model.layers.*.mlp.{p}_proj.weight") for p in ("gate", "up", "down")),
    *(pattern(f"model.layers.*.{p}_layernorm.weight") for p in ("input", "post_attention")),
    *(pattern(f"{name}.weight") for name in ("model.embed_tokens", "model.norm", "lm_head")),
)
QK_NORM = tuple(pattern(f"model.layers.*.self_attn.{name}_norm.weight") for name in "qk")


def test_the_nearest_has_the_same_names_and_differences_are_listed(vllm_source: Path) -> None:
    transformers = next((vllm_source.parent / "venv").glob("lib/python3*/site-packages/transformers"))
    registry = read_vllm_tree(vllm_source).registry
    plain = nearest(LLAMA, registry, transformers, 30)
    assert plain[0].only_here == ()
    assert "LlamaForCausalLM" in [near.entry.architecture for near in plain if near.likeness == plain[0].likeness]
    normed = nearest(LLAMA + QK_NORM, registry, transformers, 3)
    assert normed[0].entry.architecture == "Qwen3ForCausalLM"
    assert (normed[0].only_here, normed[0].only_there) == ((), ())
    strange = nearest(
        (*LLAMA, *QK_NORM, pattern("model.layers.*.self_attn.wormhole.weight")), registry, transformers, 1
    )
    assert strange[0].only_here == ("wormhole",)


def test_words_leave_out_numbers_and_parameters() -> None:
    assert words([pattern("a.*.b.weight"), pattern("a.*.b.weight_scale_inv"), pattern("c.bias")]) == {"a", "b", "c"}


@pytest.mark.parametrize("tensors", [LLAMA, LLAMA + QK_NORM, QK_NORM, (pattern("wormhole.weight"),), ()])
def test_sources_that_cannot_be_nearer_are_not_looked_at_and_would_change_nothing(
    vllm_source: Path, tensors: tuple[Pattern, ...]
) -> None:
    transformers = next((vllm_source.parent / "venv").glob("lib/python3*/site-packages/transformers"))
    registry = read_vllm_tree(vllm_source).registry
    of_all = nearest(tensors, registry, transformers, len(registry))
    assert len(of_all) > 100
    assert [nearest(tensors, registry, transformers, count) for count in (1, 2, 5)] == [of_all[:n] for n in (1, 2, 5)]
