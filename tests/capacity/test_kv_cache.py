"""What models keep per token: configs in the shape of published ones, and tensors that agree with them or do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scaffold.capacity.kv_cache import KvCache, kv_cache
from scaffold.capacity.plan import plan
from scaffold.checkpoint.patterns import Pattern
from scaffold.checkpoint.read import read_checkpoint
from scaffold.mixers import latent
from scaffold.reading.of_checkpoint import read_model_of
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.values import Value
from tests.rows import each


def config(layers: int, heads: int, kv_heads: int | None, head_dim: int, **more: Any) -> dict[str, Any]:
    given = {"num_hidden_layers": layers, "num_attention_heads": heads, "hidden_size": heads * head_dim}
    return {**given, "head_dim": head_dim, **({} if kv_heads is None else {"num_key_value_heads": kv_heads}), **more}


def k_proj(rows: int, count: int, before: str = "model.layers.*.self_attn") -> Pattern:
    return Pattern(f"{before}.k_proj.weight", "BF16", (rows, 64), count, rows * 64 * 2)


def cache(given: dict[str, Any], *tensors: Pattern) -> KvCache:
    found = kv_cache(given, tensors)
    assert isinstance(found, KvCache), found
    return found


KIMI = {"num_hidden_layers": 27, "num_attention_heads": 32, "kv_lora_rank": 512, "qk_rope_head_dim": 64,
        "linear_attn_config": {"full_attn_layers": [4, 8, 12, 16, 20, 24, 27]}}  # fmt: skip
GEMMA4 = {
    **config(5, 8, 2, 16, num_global_key_value_heads=1, global_head_dim=32, sliding_window=8),
    "layer_types": ["sliding_attention"] * 2 + ["full_attention"] + ["sliding_attention", "full_attention"],
}
SUPER = config(4, 16, None, 8, block_configs=[
    {"attention": {"no_op": False, "n_heads_in_group": 8}}, {"attention": {"no_op": True, "n_heads_in_group": None}},
    {"attention": {"no_op": False, "n_heads_in_group": 4}}, {"attention": {"replace_with_linear": True}},
])  # fmt: skip
PER_TOKEN = {
    "attention in one layer of four": (config(48, 16, 2, 256, full_attention_interval=4), 24_576),
    "latent, in one layer of four": (KIMI, 8_064),
    "period and offset": (config(32, 32, 8, 128, attn_layer_period=8, attn_layer_offset=4), 16_384),
    "numbers of layers": (config(16, 32, 8, 64, full_attn_idxs=[2, 5, 8, 10, 12, 14]), 12_288),
    "groups": (config(20, 16, 4, 128, layer_group_size=5), 8_192),
    "cross attention": (config(40, 32, 8, 128, cross_attention_layers=[3, 8, 13, 18, 23, 28, 33, 38]), 131_072),
    "letters": (config(10, 16, 4, 32, hybrid_override_pattern="M-M*EM-M*E"), 2 * 4 * 64 * 2),
    "blocks with groups of their own": (SUPER, (2 + 4) * 16 * 2),
    "state space alone": ({"num_hidden_layers": 3, "num_heads": 8, "head_dim": 64, "hidden_size": 64,
                           "state_size": 16}, 0),
    "a shared attention block": (config(81, 32, 32, 224, layers_block_type=["mamba"] * 68 + ["hybrid"] * 13), 372_736),
    "heads and sizes of global layers": ({**GEMMA4, "attention_k_eq_v": True}, (3 * 2 * 32 + 2 * 64) * 2),
    "global layers with the heads of all": (GEMMA4, (3 * 2 * 32 + 2 * 2 * 64) * 2),
    "shared keys": ({**GEMMA4, "num_kv_shared_layers": 2}, (2 * 2 * 32 + 2 * 64) * 2),
    "sizes of sliding layers": (
        config(3, 8, 4, 24, v_head_dim=16, swa_num_key_value_heads=8, swa_head_dim=12, swa_v_head_dim=10,
               hybrid_layer_pattern=[0, 1, 1], sliding_window=8), (4 * 40 + 2 * 8 * 22) * 2),
    "float32": (config(2, 4, 4, 16, torch_dtype="float32"), 2 * 4 * 32 * 2),
}  # fmt: skip


@each(("given", "expected"), PER_TOKEN.values(), ids=PER_TOKEN)
def test_bytes_per_token(given: dict[str, Any], expected: int) -> None:
    assert cache(given).per_token == expected


def test_keys_of_latents_that_no_tensor_has_count_for_nothing() -> None:
    given = config(4, 8, 2, 16, kv_lora_rank=24, qk_rope_head_dim=8, v_head_dim=16, use_mla=False)
    found = cache(given, k_proj(2 * 16, 4))
    assert found.per_token == 4 * 2 * 16 * 2 * 2
    assert "kv_lora_rank" not in found.evidence + found.arithmetic
    latents = Pattern("model.layers.*.self_attn.kv_a_proj_with_mqa.weight", "BF16", (32, 128), 4, 8192)
    assert cache(given, latents).per_token == 4 * 32 * 2
    assert cache(given).per_token == 4 * 32 * 2


def test_a_window_without_a_word_on_layers_is_no_reason_to_count_less() -> None:
    found = cache(config(62, 32, 16, 128, sliding_window=1024))
    assert found.bytes_per_rank(1, 131_072) == found.per_token * 131_072
    assert "which layers slide the config does not tell: all of them keep all tokens" in found.assumptions


def test_sliding_layers_keep_their_window() -> None:
    found = cache(config(6, 8, 2, 16, sliding_window=100, sliding_window_pattern=6))
    assert found.bytes_per_rank(1, 10_000) == (5 * 100 + 10_000) * 2 * 32 * 2


@pytest.mark.parametrize(("key", "expected"), [(128, 132), (256, 264), (64, 68)])
def test_the_keys_of_an_indexer_are_counted_on_every_rank(key: int, expected: int) -> None:
    given = {"num_hidden_layers": 61, "num_attention_heads": 128, "kv_lora_rank": 512, "qk_rope_head_dim": 64}
    plain, sparse = cache(given), cache({**given, "index_head_dim": key})
    assert sparse.per_token == plain.per_token == 61 * 576 * 2
    assert sparse.indexer_per_token == 61 * expected
    assert sparse.bytes_per_rank(8, 10) - plain.bytes_per_rank(8, 10) == 10 * 61 * expected


def test_a_model_without_attention_holds_any_number_of_sequences() -> None:
    result = plan({"num_hidden_layers": 3, "hidden_size": 64, "state_size": 16}, [k_proj(64, 1, "encoder")])
    assert [(row.kv, row.sequences, row.fits) for row in result.rows] == [(0, None, True)] * 5
    assert {node.smallest for node in result.nodes} == {1}
    assert any(said.startswith("3 layers keep a state of fixed size") for said in result.assumptions)


def test_where_the_config_names_no_kv_heads_the_tensors_do() -> None:
    assert cache(config(2, 8, None, 16), k_proj(32, 2)).per_token == 2 * 2 * 32 * 2
    assert cache(config(2, 8, None, 16)).per_token == 2 * 8 * 32 * 2


def test_the_figure_names_its_evidence() -> None:
    found = cache(config(4, 8, 2, 16, full_attention_interval=2), k_proj(32, 2))
    assert found.evidence == (
        "config.json: full_attention_interval, num_hidden_layers, num_key_value_heads, num_attention_heads, "
        "hidden_size, head_dim; model.layers.*.self_attn.k_proj.weight agrees"
    )


@pytest.mark.parametrize("own", [{"swa_num_key_value_heads": 8}, {"swa_head_dim": 32}, {"global_head_dim": 64}])
def test_sizes_of_two_kinds_of_layers_count_only_where_it_is_known_which_are_which(own: dict[str, int]) -> None:
    given = config(2, 8, 2, 16, sliding_window=8, **own)
    assert kv_cache(given) == (
        "the config has head sizes for two kinds of layers and does not tell which layers are which"
    )
    assert cache({**given, "layer_types": ["sliding_attention", "full_attention"]}).per_token > 2 * 2 * 32 * 2


DIFFERENT = {
    "rows": (config(2, 8, 2, 16), (k_proj(64, 2),), "keys have 32 rows, model.layers.*.self_attn.k_proj.weight has 64"),
    "fewer layers": (config(4, 8, 2, 16), (k_proj(32, 2),), "4 layers keep keys, 2 have"),
    "more layers": (config(4, 8, 2, 16, full_attention_interval=4), (k_proj(32, 4),), "1 layers keep keys, 4 have"),
    "latent": ({"num_hidden_layers": 2, "kv_lora_rank": 32, "qk_rope_head_dim": 8},
               (Pattern("model.layers.*.self_attn.kv_a_proj_with_mqa.weight", "BF16", (48, 64), 2, 6144),), "40 rows"),
    "packed": (config(2, 8, 2, 16),
               (Pattern("transformer.h.*.attn.qkv_proj.weight", "BF16", (384, 128), 2, 98304),), "has 384"),
}  # fmt: skip


@each(("given", "tensors", "says"), DIFFERENT.values(), ids=DIFFERENT)
def test_a_config_that_the_tensors_contradict_gives_no_figure(
    given: dict[str, Any], tensors: tuple[Pattern, ...], says: str
) -> None:
    found = kv_cache(given, tensors)
    assert isinstance(found, str)
    assert says in found


AGREEING = {
    "an MTP layer": (config(2, 8, 2, 16, num_nextn_predict_layers=1), (k_proj(32, 3),)),
    "a tower": (config(2, 8, 2, 16), (k_proj(32, 2), k_proj(128, 9, "vision_tower.layers.*.self_attn"))),
    "cross attention": (
        config(3, 8, 2, 16, cross_attention_layers=[1]),
        (k_proj(32, 2), k_proj(32, 1, "model.layers.*.cross_attn")),
    ),
    "packed": (config(2, 8, 2, 16), (Pattern("h.*.attn.qkv_proj.weight", "BF16", (192, 128), 2, 49152),)),
    "4 bits": (config(2, 8, 2, 16), (Pattern("h.*.k_proj.weight", "U8", (2048, 1), 2, 2048),)),
}


@each(("given", "tensors"), AGREEING.values(), ids=AGREEING)
def test_what_is_no_key_of_the_decoder_contradicts_nothing(given: dict[str, Any], tensors: tuple[Pattern, ...]) -> None:
    assert cache(given, *tensors).per_token > 0


@pytest.fixture
def read(nova: Path) -> DecoderSpec:
    """What is read of the made-up model: three layers, two KV heads of eight."""
    decoder = read_model_of(read_checkpoint(nova)).spec.decoder
    assert decoder is not None
    return decoder


def test_what_was_read_of_the_source_wins_over_the_config(read: DecoderSpec) -> None:
    found = kv_cache(config(9, 64, 64, 64, sliding_window=4, layer_types=["?"] * 9), (), read)
    assert isinstance(found, KvCache)
    assert found.per_token == 3 * 2 * 8 * 2 * 2
    assert found.bytes_per_rank(2, 1000) == 3 * 1 * 8 * 2 * 2 * 1000
    assert found.evidence == "what each layer's mixer was read as in the modeling source"


def test_layers_that_run_again_keep_again(read: DecoderSpec) -> None:
    found = kv_cache(config(9, 64, 64, 64), (), replace(read, runs=Value(4, "num_runs")))
    assert isinstance(found, KvCache)
    assert found.per_token == 4 * 3 * 2 * 8 * 2 * 2
    assert "the layers run 4 times, and keep each time" in found.assumptions


def test_latents_that_were_read_have_the_keys_of_their_indexer_beside_them(read: DecoderSpec) -> None:
    layers = tuple(replace(layer, mixer=latent.EXAMPLE.spec) for layer in read.layers)
    keys = {"kv_lora_rank": 64, "qk_rope_head_dim": 8, "index_head_dim": 128}
    found = kv_cache({**config(3, 4, 4, 16), **keys}, (), replace(read, layers=layers))
    assert isinstance(found, KvCache)
    assert found.per_token == 3 * 72 * 2
    assert found.indexer_per_token == 3 * 132
    assert found.arithmetic == "3 layers × 72 (kv_lora_rank + qk_rope_head_dim) × 2 B"
    assert found.bytes_per_rank(8, 10) == 10 * (3 * 72 * 2 + 3 * 132)
