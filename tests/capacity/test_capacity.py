"""What fits: by-hand arithmetic beside what is computed."""

from __future__ import annotations

from typing import Any

import pytest

from scaffold.capacity.kv_cache import KvCache, kv_cache
from scaffold.capacity.nodes import ANY, DEVICES, planned_for
from scaffold.capacity.plan import MORE_RANKS, SEQUENCES, TOKENS, hardware_sentence, plan
from scaffold.checkpoint.patterns import Pattern
from tests.rows import each

GQA = {
    "num_hidden_layers": 4,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "dtype": "bfloat16",
}
MLA = {"num_hidden_layers": 61, "num_attention_heads": 128, "num_key_value_heads": 128, "kv_lora_rank": 512,
       "qk_rope_head_dim": 64}  # fmt: skip
LISTS = {**GQA, "num_key_value_heads": [4, 2, 4, 2]}
OLD = {"n_layer": 3, "n_head": 4, "n_embd": 64, "torch_dtype": "float32"}
SLIDING = {**GQA, "sliding_window": 1024, "layer_types": ["sliding_attention", "full_attention"] * 2}
LINEAR = {**GQA, "layer_types": ["linear_attention", "linear_attention", "linear_attention", "full_attention"]}

CHATGLM = {"num_layers": 28, "num_attention_heads": 32, "hidden_size": 4096, "kv_channels": 128,
           "multi_query_attention": True, "multi_query_group_num": 2}  # fmt: skip
CHANNELS = {"num_hidden_layers": 2, "num_attention_heads": 8, "hidden_size": 512, "kv_channels": 128}
BIGCODE = {"n_layer": 40, "n_head": 48, "n_embd": 6144, "multi_query": True}
CODESHELL = {"n_layer": 42, "n_head": 32, "n_embd": 4096, "num_query_groups": 8}
DBRX = {"n_layers": 40, "n_heads": 48, "d_model": 6144, "attn_config": {"kv_n_heads": 8}}
FALCON = {"num_hidden_layers": 32, "num_attention_heads": 71, "hidden_size": 4544, "num_kv_heads": 71,
          "multi_query": True, "new_decoder_architecture": False}  # fmt: skip

PER_TOKEN = (
    (GQA, 4 * 4 * 128 * 2 * 2),
    (MLA, 61 * 576 * 2),
    (LISTS, 12 * 128 * 2 * 2),
    (OLD, 3 * 4 * 16 * 2 * 2),  # vLLM's auto loads float32 in 16 bits
    (SLIDING, 4 * 4 * 128 * 2 * 2),
    (LINEAR, 1 * 4 * 128 * 2 * 2),
    (CHATGLM, 28_672),
    ({**CHATGLM, "multi_query_attention": False}, 28 * 32 * 128 * 2 * 2),
    (CHANNELS, 2 * 8 * 128 * 2 * 2),
    (BIGCODE, 20_480),
    (CODESHELL, 172_032),
    (DBRX, 163_840),
    (FALCON, 32 * 1 * 64 * 2 * 2),
    (
        {**FALCON, "num_attention_heads": 64, "hidden_size": 4096, "num_kv_heads": 8, "new_decoder_architecture": True},
        32 * 8 * 64 * 2 * 2,
    ),
)


def cache(config: dict[str, Any], *tensors: Pattern) -> KvCache:
    found = kv_cache(config, tensors)
    assert isinstance(found, KvCache)
    return found


@each(("config", "expected"), PER_TOKEN)
def test_bytes_per_token(config: dict[str, Any], expected: int) -> None:
    assert cache(config).per_token == expected


def test_ranks_share_heads_but_not_a_latent() -> None:
    one = cache(GQA).bytes_per_rank(1, 1000)
    assert [cache(GQA).bytes_per_rank(tp, 1000) for tp in (1, 2, 4, 8, 16)] == [
        one,
        one // 2,
        one // 4,
        one // 4,
        one // 4,
    ]
    assert cache(MLA).bytes_per_rank(16, 1000) == cache(MLA).bytes_per_rank(1, 1000) == 61 * 576 * 2 * 1000


def test_a_sliding_layer_keeps_its_window_and_a_linear_one_nothing() -> None:
    layer = 4 * 128 * 2 * 2
    assert cache(SLIDING).bytes_per_rank(1, 10_000) == 2 * layer * (1024 + 10_000)
    assert cache(SLIDING).bytes_per_rank(1, 100) == 4 * layer * 100
    assert cache(LINEAR).bytes_per_rank(1, 10_000) == layer * 10_000
    assert "3 layers keep a state of fixed size" in " ".join(cache(LINEAR).assumptions)


UNKNOWN = (
    ({}, "number of layers"),
    ({"num_hidden_layers": 2}, "KV heads"),
    ({**GQA, "layer_types": ["a_new_kind"] * 4}, "layer_types does not tell what each of 4 layers keeps"),
    ({**GQA, "layer_types": ["full_attention"] * 3}, "layer_types does not tell what each of 4 layers keeps"),
    ({**GQA, "layer_types": LINEAR["layer_types"], "full_attn_idxs": [0]}, "tell of different layers"),
    ({**GQA, "compress_ratios": [4, 4, 4, 4]}, "compress_ratios"),
    ({**OLD, "kv_replicas": 2}, "kv_replicas may be that"),
)


@each(("config", "says"), UNKNOWN)
def test_what_the_config_does_not_tell_is_not_guessed(config: dict[str, Any], says: str) -> None:
    found = kv_cache(config)
    assert isinstance(found, str)
    assert says in found
    result = plan(config, NO_K)
    assert result.kv is None
    assert {row.kv for row in result.rows} == {None}


GIB = 2**30
MODEL = (
    Pattern("model.layers.*.self_attn.k_proj.weight", "BF16", (512, 4096), 4, GIB // 4),
    Pattern("model.layers.*.self_attn.q_proj.weight", "BF16", (4096, 4096), 4, 2 * GIB),
    Pattern("model.layers.*.input_layernorm.weight", "BF16", (4096,), 4, 8192),
    Pattern("model.layers.*.mlp.gate.weight", "BF16", (6, 4096), 4, 49152),
    Pattern("model.layers.*.mlp.experts.*.up_proj.weight", "F8_E4M3", (1024, 4096), 24, GIB),
    Pattern("model.layers.*.mlp.experts.*.up_proj.weight_scale_inv", "F32", (8, 32), 24, 1024),
    Pattern("lm_head.weight", "BF16", (1000, 4096), 1, 8192000),
)

NO_K = MODEL[2:]


def test_bytes_per_rank_by_hand() -> None:
    small = 4 * 8192 + 4 * 49152
    scales = 24 * 1024
    rows = {row.ranks: row for row in plan({**GQA, "n_routed_experts": 6}, MODEL).rows}
    assert rows[1].weights == GIB + 8 * GIB + 24 * GIB + scales + small + 8192000
    assert rows[8].weights == GIB // 4 + GIB + 3 * GIB + scales // 8 + small + 8192000 // 8
    # six experts on four ranks: the fullest has two of them
    assert rows[4].weights_expert_parallel == GIB // 4 + 2 * GIB + 8 * GIB + scales // 3 + small + 8192000 // 4
    assert rows[4].weights == GIB // 4 + 2 * GIB + 6 * GIB + scales // 4 + small + 8192000 // 4


def test_dequantised_weights_take_twice_as_much_and_tied_heads_nothing() -> None:
    config = {**GQA, "n_routed_experts": 6}
    plain, wide = plan(config, MODEL).rows[0], plan(config, MODEL, dequantise=True).rows[0]
    assert wide.weights - plain.weights == 24 * GIB - 24 * 1024
    tied = plan({**config, "tie_word_embeddings": True}, MODEL).rows[0]
    assert plain.weights - tied.weights == 8192000


def test_the_smallest_size_is_the_first_that_holds_weights_and_load() -> None:
    result = plan({**GQA, "n_routed_experts": 6}, MODEL)
    by_hand = [r.ranks for r in result.rows if r.weights + (r.kv or 0) <= ANY.usable]
    for node in result.nodes:
        assert node.smallest_for_load == min(by_hand)
        assert f"tp {min(by_hand)} holds {SEQUENCES} × {TOKENS:,} tokens" in node.arithmetic


def test_a_size_that_cannot_share_the_heads_is_none() -> None:
    result = plan({**GQA, "num_attention_heads": 12}, MODEL)
    assert [row.ranks for row in result.rows if row.why_not] == [8, 16]


def test_a_model_that_is_too_large_says_by_how_much() -> None:
    huge = (Pattern("model.embed_tokens.weight", "BF16", (1, 1), 1, 2000 * GIB),)
    result = plan(GQA, huge)
    assert [node.smallest for node in result.nodes] == [None, None]
    assert "125.0 GiB of weights per rank at tp 16" in result.nodes[1].arithmetic


def test_a_proved_map_wins_over_shapes() -> None:
    result = plan(GQA, MODEL, proved={1: 5, 2: 4, 4: 3, 8: 2, 16: 1})
    assert [row.weights for row in result.rows] == [5, 4, 3, 2, 1]
    assert result.basis == "the proved weight map"


@pytest.mark.parametrize("window", [None, "wide"])
def test_sliding_layers_without_a_window_keep_all_tokens_and_it_says_so(window: Any) -> None:
    found = cache({**SLIDING, "sliding_window": window})
    assert any("window the config does not tell" in assumption for assumption in found.assumptions)
    assert found.bytes_per_rank(1, 5000) == 5000 * found.per_token


def test_by_weights_alone_the_size_is_the_smallest_power_of_two_that_holds_them() -> None:
    """64 GiB × 90 % − 3 GiB: 54.6 GiB of weights on each."""

    def size(gib: int) -> int | None:
        weights = (Pattern("model.embed_tokens.weight", "BF16", (2, 2), 1, gib * GIB),)
        row = plan({}, weights, tensor_parallel_sizes=MORE_RANKS).smallest
        return row.ranks if row else None

    assert [size(n) for n in (1, 54, 55, 437, 873, 874, 6980, 6990)] == [1, 1, 2, 16, 16, 32, 128, None]


def test_the_sentence_of_a_tutorial_has_the_arithmetic() -> None:
    assert hardware_sentence(plan(GQA, MODEL)) == (
        "By size alone it fits on 1 NPU (33.0 GiB of weights + 1.0 GiB for 131,072 tokens ≤ 54.6 GiB on each): "
        "1 Atlas 800 A2 (64G × 8) node or 1 Atlas 800 A3 (64G × 16) node; not tried yet."
    )
    unknown = hardware_sentence(plan({}, MODEL))
    assert "33.0 GiB of weights ≤ 54.6 GiB on each, KV cache unknown" in unknown
    huge = (Pattern("model.embed_tokens.weight", "BF16", (1, 1), 1, 8000 * GIB),)
    assert "does not fit on 16 NPUs: 500.0 GiB of weights on each" in hardware_sentence(plan(GQA, huge))


@each(
    ("device", "memory", "smallest", "servers"),
    [
        (None, None, 1, ["Atlas 800 A2 (64G × 8)", "Atlas 800 A3 (64G × 16)"]),
        ("A3", None, 1, ["Atlas 800 A3 (64G × 16)"]),
        ("910B-32G", None, 2, ["Atlas 800 A2 (32G × 8)"]),
        ("310P", None, 2, ["Atlas 300I Duo (2 × 24G)", "4 × Atlas 300I Duo (8 × 24G)"]),
        ("310P", 48, 1, ["Atlas 300I Duo", "4 × Atlas 300I Duo"]),
        (None, 8, 8, ["Atlas 800 A2", "Atlas 800 A3"]),
    ],
)
def test_a_smaller_npu_asks_for_more_of_them(
    device: str | None, memory: int | None, smallest: int, servers: list[str]
) -> None:
    config = {**GQA, "num_key_value_heads": 32}
    weights = (Pattern("model.layers.*.self_attn.o_proj.weight", "BF16", (4096, 4096), 4, 6 * GIB),)
    result = plan(config, weights, device=planned_for(device, memory))
    found = result.smallest
    assert found is not None
    assert found.ranks == smallest
    assert [node.node.name for node in result.nodes] == servers
    assert f"{memory or result.device.npu_bytes // GIB} GiB less" in result.assumptions[0]


def test_every_device_has_room_and_servers() -> None:
    assert all(device.usable > 0 and device.nodes for device in DEVICES.values())


@pytest.mark.parametrize(("own", "tokens"), [(1024, 1024), (TOKENS, TOKENS), (10**6, TOKENS), (None, TOKENS)])
def test_no_load_is_longer_than_what_the_model_was_made_for(own: int | None, tokens: int) -> None:
    found = plan(GQA, MODEL, own_length=own)
    assert found.tokens == tokens
    cache = found.kv
    assert cache is not None
    assert found.rows[0].kv == SEQUENCES * cache.bytes_per_rank(1, tokens)
    assert f"{SEQUENCES} × {tokens:,} tokens" in found.nodes[0].arithmetic
    assert f"for {tokens:,} tokens" in hardware_sentence(found)
    is_shorter = any("the longest that the model was made for" in said for said in found.assumptions)
    assert is_shorter is (tokens < TOKENS)
