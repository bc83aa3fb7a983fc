"""What a probe does not show is a hole: limits beyond its values, choices that its sizes decide otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.carried.test_carried_over import holes_of
from tests.models.odd_blocks import Odd, write_odd
from tests.sampled import sampled

STEPS = "steps = torch.arange(hidden_states.shape[1]).float() + 1\n"
GATE = "gate = self.gate_proj(hidden_states)\n"
UP = "self.up_proj(hidden_states)"
HOLES = {
    "a clamp of the gate at a literal": (
        Odd(inner=f"{GATE}inner = F.silu(gate.clamp(max=70.0)) * {UP}"),
        "clamp at 70",
    ),
    "a clamp of v": (Odd(before="value = value.clamp(-90, 90)"), "clamp at -90"),
    "a factor of late positions": (
        Odd(after=f"{STEPS}query = query * torch.where(steps > 30, 1.5, 1.0)[:, None]"),
        "gt at 30",
    ),
    "positions that begin anew": (
        Odd(after=f"{STEPS}query = query * (1 + steps % 24)[:, None]"),
        "remainder at 24",
    ),
    "a factor in steps": (
        Odd(after=f"{STEPS}query = query * (1 + torch.floor(steps / 25))[:, None]"),
        "floor, of which a probe shows one step alone",
    ),
    "a factor of long texts": (
        Odd(after="if query.shape[2] > 30:\n    query = query * 1.5"),
        "a choice by the number of tokens",
    ),
    "a branch by the number of heads": (
        Odd(behind="attended = attended.tanh() if self.heads < 5 else F.silu(attended)"),
        "a choice by num_attention_heads",
    ),
    "the lesser of a key and a literal": (
        Odd(after="query = query.clamp(max=min(self.config.gain, 0.4))", config={"gain": 0.38}),
        "a choice by gain",
    ),
}


@pytest.mark.parametrize("name", sampled(HOLES, every=3))
def test_what_no_probe_shows_is_a_hole(tmp_path: Path, name: str) -> None:
    odd, said = HOLES[name]
    assert said in holes_of(write_odd(tmp_path, odd, layers=1))
