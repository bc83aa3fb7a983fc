"""The state of fixed size that a linear or state-space layer keeps of each sequence, by the config's keys.

Shapes are those of vLLM, model_executor/layers/mamba/mamba_utils.py (``MambaStateShapeCalculator``). The recurrent part
is counted in 32 bits, as ``mamba_ssm_dtype`` of published configs asks for; the inputs of a convolution in 16.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scaffold.vocabulary.lookup import at

RECURRENT_BYTES, CONVOLUTION_BYTES = 4, 2


@dataclass(frozen=True)
class State:
    """The state of one layer: ``heads`` are what ranks share, ``per_head`` is in bytes."""

    form: str
    keys: tuple[str, ...]
    heads: int
    per_head: int

    @property
    def num_bytes(self) -> int:
        """Return the bytes of all heads."""
        return self.heads * self.per_head


@dataclass(frozen=True)
class StateForm:
    """A row: the keys of its sizes, and from these to heads, recurrent elements and elements of the convolution."""

    name: str
    keys: tuple[str, ...]
    elements: Callable[..., tuple[int, int, int]]


def _mamba2(heads: int, size: int, state: int, groups: int, kernel: int) -> tuple[int, int, int]:
    return heads, heads * size * state, (heads * size + 2 * groups * state) * (kernel - 1)


def _gated_delta(k_heads: int, v_heads: int, k: int, v: int, kernel: int) -> tuple[int, int, int]:
    return v_heads, v_heads * v * k, (2 * k_heads * k + v_heads * v) * (kernel - 1)


def _delta(heads: int, size: int, kernel: int) -> tuple[int, int, int]:
    return heads, heads * size * size, 3 * heads * size * (kernel - 1)


def _mamba1(inner: int, state: int, kernel: int) -> tuple[int, int, int]:
    return inner, inner * state, inner * (kernel - 1)


def _expanded(expand: int, hidden: int, state: int, kernel: int) -> tuple[int, int, int]:
    return _mamba1(expand * hidden, state, kernel)


FORMS = (
    StateForm("gated delta net", ("linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim",
                                  "linear_value_head_dim", "linear_conv_kernel_dim"), _gated_delta),
    StateForm("Kimi delta attention", ("linear_attn_config.num_heads", "linear_attn_config.head_dim",
                                       "linear_attn_config.short_conv_kernel_size"), _delta),
    StateForm("Mamba 2", ("mamba_num_heads", "mamba_head_dim", "ssm_state_size", "n_groups", "conv_kernel"), _mamba2),
    StateForm("Mamba 2", ("mamba_n_heads", "mamba_d_head", "mamba_d_state", "mamba_n_groups", "mamba_d_conv"), _mamba2),
    StateForm("Mamba 2", ("num_heads", "head_dim", "state_size", "n_groups", "conv_kernel"), _mamba2),
    StateForm("Mamba", ("mamba_expand", "hidden_size", "mamba_d_state", "mamba_d_conv"), _expanded),
    StateForm("Mamba", ("intermediate_size", "state_size", "conv_kernel"), _mamba1),
    StateForm("short convolution", ("hidden_size", "conv_L_cache"), lambda hidden, kernel: (
        hidden, 0, hidden * (kernel - 1))),
)  # fmt: skip
"""The first whose keys all are in a config is its own."""


def state_of(config: Mapping[str, Any]) -> State | None:
    """Return the state of a layer, or None where no row has all of its keys."""
    for form in FORMS:
        sizes = [at(config, key) for key in form.keys]
        if all(type(size) is int and size > 0 for size in sizes):
            heads, recurrent, convolution = form.elements(*sizes)
            total = recurrent * RECURRENT_BYTES + convolution * CONVOLUTION_BYTES
            return State(form.name, form.keys, heads, -(-total // heads))
    return None
