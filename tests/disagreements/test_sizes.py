"""Sizes that the config states and the tensors do not have: said with both, and what would make them agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.disagreements.table import disagreements
from scaffold.mixers.grouped_query.spec import AttentionSpec
from scaffold.reading.of_checkpoint import read_model_of
from scaffold.spec.values import Value
from tests.disagreements.llama import HIDDEN, INNER, LAYERS, Tensors, found, tensors, write

CASES: tuple[tuple[dict[str, Any], str, str, dict[str, Any]], ...] = (
    ({"vocab_size": 500}, "vocabulary",
     "vocab_size is 500, and model.embed_tokens.weight has 512 rows and lm_head.weight has 512 rows: "
     "vLLM makes 500 rows, and its loader takes no tensor of another number", {"vocab_size": 512}),
    ({"head_dim": 64}, "heads",
     "head_dim is 64, and model.layers.*.self_attn.q_proj.weight [128, 128] and model.layers.*.self_attn.k_proj.weight "
     "[64, 128] and model.layers.*.self_attn.v_proj.weight [64, 128] and model.layers.*.self_attn.o_proj.weight "
     "[128, 128] ask for head_dim 32: "
     "vLLM makes q, k and v of the config's sizes, and its loaders take no tensor of another", {"head_dim": 32}),
    ({"num_key_value_heads": 4}, "heads",
     "num_key_value_heads is 4, and model.layers.*.self_attn.k_proj.weight [64, 128] and "
     "model.layers.*.self_attn.v_proj.weight [64, 128] ask for num_key_value_heads 2: "
     "vLLM makes q, k and v of the config's sizes, and its loaders take no tensor of another",
     {"num_key_value_heads": 2}),
    ({"num_attention_heads": 8, "hidden_size": HIDDEN}, "heads",
     "num_attention_heads is 8, and model.layers.*.self_attn.q_proj.weight [128, 128] and "
     "model.layers.*.self_attn.o_proj.weight [128, 128] ask for num_attention_heads 4: "
     "vLLM makes q, k and v of the config's sizes, and its loaders take no tensor of another",
     {"num_attention_heads": 4}),
    ({"intermediate_size": 256}, "inner size",
     "intermediate_size is 256, and model.layers.*.mlp.gate_proj.weight [320, 128] has an inner size of 320: "
     "vLLM makes parameters of the config's size, and its loaders take no tensor of another",
     {"intermediate_size": INNER}),
    ({"num_hidden_layers": 3}, "layers",
     "num_hidden_layers is 3, and there are 2 of model.layers.*.input_layernorm.weight: "
     "vLLM makes the config's layers: those that are more have no parameter, those that are fewer no weights",
     {"num_hidden_layers": LAYERS}),
)  # fmt: skip


@pytest.mark.parametrize(("changed", "kind", "sentence", "overrides"), CASES, ids=[str(case[0]) for case in CASES])
def test_a_size_that_the_tensors_contradict(
    changed: dict[str, Any], kind: str, sentence: str, overrides: dict[str, Any], tmp_path: Path
) -> None:
    one = next(one for one in found(tmp_path, **changed) if one.kind == kind)
    assert (str(one), one.decides, one.config_fits, one.overrides) == (sentence, True, False, overrides)
    assert found(tmp_path / "mended", **{**changed, **overrides}) == []


def test_a_llama_is_clean(tmp_path: Path) -> None:
    assert found(tmp_path) == []


def test_a_head_size_that_the_config_leaves_to_the_hidden_size(tmp_path: Path) -> None:
    assert found(tmp_path, head_dim=None) == []


def test_heads_of_two_kinds_of_layers(tmp_path: Path) -> None:
    held = tensors()
    held["model.layers.1.self_attn.k_proj.weight"] = held["model.layers.1.self_attn.v_proj.weight"] = (
        "BF16", (HIDDEN, HIDDEN))  # fmt: skip
    assert [one.kind for one in found(tmp_path, held)] == ["heads"]
    assert found(tmp_path / "told", held, swa_num_key_value_heads=4) == []


def test_heads_that_the_source_computes_of_the_configs(tmp_path: Path) -> None:
    """Some sources give the layers with windows twice the KV heads: no key states it, and nothing disagrees."""
    held = tensors()
    held["model.layers.1.self_attn.k_proj.weight"] = held["model.layers.1.self_attn.v_proj.weight"] = (
        "BF16", (HIDDEN, HIDDEN))  # fmt: skip
    read = read_checkpoint(write(tmp_path))
    decoder = read_model_of(read).spec.decoder
    assert decoder is not None
    first, second = decoder.layers
    assert isinstance(second.mixer, AttentionSpec)
    doubled = replace(second, mixer=replace(second.mixer, num_kv_heads=Value(4)))
    other = read_checkpoint(write(tmp_path / "other", held))
    assert [one.kind for one in disagreements(other, decoder)] == ["heads"]
    assert disagreements(other, replace(decoder, layers=(first, doubled))) == ()


def test_a_router_may_project_to_a_size_of_its_own(tmp_path: Path) -> None:
    """Its ``down_proj`` goes from the hidden size to a smaller one: no inner size shows there."""
    held = {
        **tensors(),
        **{f"model.layers.{i}.mlp.gate.down_proj.weight": ("BF16", (48, HIDDEN)) for i in range(LAYERS)},
    }
    assert found(tmp_path, held) == []


@pytest.mark.parametrize(("rows", "is_one"), [(2 * INNER, True), (2 * INNER + 2, False)])
def test_an_up_projection_may_hold_the_gate(rows: int, is_one: bool, tmp_path: Path) -> None:
    """It has twice as many rows as ``down_proj`` has columns, and no ``gate_proj`` beside it."""
    held = {name: form for name, form in tensors().items() if "gate_proj" not in name}
    held |= {f"model.layers.{layer}.mlp.up_proj.weight": ("BF16", (rows, HIDDEN)) for layer in range(LAYERS)}
    assert [one.kind for one in found(tmp_path, held)] == ([] if is_one else ["inner size"])


def test_embeddings_with_more_rows_than_the_head_may_be_the_models_form(tmp_path: Path) -> None:
    held = {**tensors(), "model.embed_tokens.weight": ("BF16", (520, HIDDEN))}
    (one,) = found(tmp_path, held)
    assert (one.kind, one.decides) == ("vocabulary", False)


def experts(held: int) -> Tensors:
    """Return a Llama with experts in place of its MLPs."""
    found = {name: form for name, form in tensors().items() if ".mlp." not in name}
    for layer in range(LAYERS):
        for expert in range(held):
            path = f"model.layers.{layer}.mlp.experts.{expert}."
            found |= {f"{path}{name}.weight": ("BF16", (64, HIDDEN)) for name in ("gate_proj", "up_proj")}
            found[f"{path}down_proj.weight"] = ("BF16", (HIDDEN, 64))
    return found


def test_another_number_of_experts(tmp_path: Path) -> None:
    config = {"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 64}
    assert found(tmp_path / "same", experts(8), **config) == []
    (one,) = found(tmp_path, experts(6), **config)
    assert str(one).startswith("num_experts is 8, and there are 6 experts in model.layers.*.mlp.experts.*.")
    assert (one.decides, one.overrides) == (True, {"num_experts": 6})


def test_another_number_of_stacked_experts(tmp_path: Path) -> None:
    held = {name: form for name, form in tensors().items() if ".mlp." not in name}
    held |= {f"model.layers.{n}.mlp.experts.gate_up_proj": ("BF16", (8, HIDDEN, 128)) for n in range(LAYERS)}
    (one,) = found(tmp_path, held, num_local_experts=4)
    assert (one.kind, one.overrides) == ("experts", {"num_local_experts": 8})


def test_what_a_text_config_says_is_overridden_there(tmp_path: Path) -> None:
    text = {"hidden_size": 128, "num_hidden_layers": 2, "vocab_size": 500}
    (one,) = [one for one in found(tmp_path, text_config=text) if one.kind == "vocabulary"]
    assert (one.config.where, one.overrides) == (
        "config.json, text_config.vocab_size",
        {"text_config": {"vocab_size": 512}},
    )


def shared(inner: int) -> Tensors:
    """Return a Llama with experts, and a shared expert of some size."""
    found = experts(4)
    for layer in range(LAYERS):
        path = f"model.layers.{layer}.mlp.shared_experts."
        found |= {f"{path}{name}.weight": ("BF16", (inner, HIDDEN)) for name in ("gate_proj", "up_proj")}
        found[f"{path}down_proj.weight"] = ("BF16", (HIDDEN, inner))
    return found


MOE = {"n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64}


@pytest.mark.parametrize(
    ("config", "key", "overrides"),
    [
        ({"n_shared_experts": 1}, "n_shared_experts", {"n_shared_experts": 2}),
        ({"shared_expert_intermediate_size": 96}, "shared_expert_intermediate_size",
         {"shared_expert_intermediate_size": 128}),
    ],
)  # fmt: skip
def test_the_size_of_a_shared_expert_is_told_by_its_own_key(
    config: dict[str, Any], key: str, overrides: dict[str, Any], tmp_path: Path
) -> None:
    (one,) = found(tmp_path, shared(128), **MOE, **config)
    assert (one.kind, one.config.where, one.overrides) == ("inner size", f"config.json, {key}", overrides)
    assert found(tmp_path / "mended", shared(128), **{**MOE, **config, **overrides}) == []


def test_a_size_that_one_matrix_alone_asks_for_is_no_answer(tmp_path: Path) -> None:
    held = tensors()
    for layer in range(LAYERS):
        held[f"model.layers.{layer}.mlp.down_proj.weight"] = ("BF16", (HIDDEN, 2 * INNER))
    (one,) = [one for one in found(tmp_path, held) if one.kind == "inner size"]
    assert one.answers == ()
