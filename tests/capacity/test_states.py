"""The state of a layer by hand, and what ranks hold of it."""

from __future__ import annotations

from typing import Any

from scaffold.capacity.kv_cache import KvCache, kv_cache
from scaffold.capacity.states import state_of
from tests.rows import each

BY_HAND: tuple[tuple[dict[str, Any], int], ...] = (
    ({"linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 16,
      "linear_conv_kernel_dim": 4}, 4 * 16 * 8 * 4 + (2 * 2 * 8 + 4 * 16) * 3 * 2),
    ({"linear_attn_config": {"num_heads": 4, "head_dim": 8, "short_conv_kernel_size": 4}},
     4 * 8 * 8 * 4 + 3 * 4 * 8 * 3 * 2),
    ({"mamba_num_heads": 4, "mamba_head_dim": 8, "ssm_state_size": 16, "n_groups": 2, "conv_kernel": 4},
     4 * 8 * 16 * 4 + (4 * 8 + 2 * 2 * 16) * 3 * 2),
    ({"mamba_n_heads": 4, "mamba_d_head": 8, "mamba_d_state": 16, "mamba_n_groups": 2, "mamba_d_conv": 4},
     4 * 8 * 16 * 4 + (4 * 8 + 2 * 2 * 16) * 3 * 2),
    ({"mamba_expand": 2, "hidden_size": 16, "mamba_d_state": 8, "mamba_d_conv": 4}, 32 * 8 * 4 + 32 * 3 * 2),
    ({"intermediate_size": 32, "state_size": 8, "conv_kernel": 4}, 32 * 8 * 4 + 32 * 3 * 2),
    ({"hidden_size": 64, "conv_L_cache": 3}, 64 * 2 * 2),
)  # fmt: skip


@each(("config", "expected"), BY_HAND)
def test_bytes_of_a_layer(config: dict[str, Any], expected: int) -> None:
    state = state_of(config)
    assert state is not None
    assert state.num_bytes == expected
    assert state_of(dict(list(config.items())[1:])) is None


@each("value", [None, 0, -1, "4", 1.5, True])
def test_a_size_that_is_none_gives_no_state(value: Any) -> None:
    assert state_of({"hidden_size": 64, "conv_L_cache": value}) is None


def cache(**more: Any) -> KvCache:
    found = kv_cache({"num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
                      "hidden_size": 64, "full_attn_idxs": [3], **more})  # fmt: skip
    assert isinstance(found, KvCache)
    return found


def test_a_sequence_keeps_it_once_whatever_its_length_and_ranks_share_it() -> None:
    plain, found = cache(), cache(conv_L_cache=3)
    assert found.per_token == plain.per_token == 2 * 16 * 2
    for ranks, tokens in ((1, 1), (1, 1000), (4, 1000)):
        more = found.bytes_per_rank(ranks, tokens) - plain.bytes_per_rank(ranks, tokens)
        assert more == 3 * 64 * 2 * 2 // ranks


def test_where_its_size_is_not_known_that_is_said() -> None:
    assert "3 layers keep a state of fixed size, which is not counted: the config does not tell its size" in (
        cache().assumptions
    )
    assert "3 layers keep a state of fixed size of 256 B each (short convolution: hidden_size, conv_L_cache)" in (
        cache(conv_L_cache=3).assumptions
    )
