"""What an attention takes of an earlier layer's has no idiom: the hole says what it is, and of which layer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.carried.test_carried_over import holes_of
from tests.models.odd_blocks import FED, Odd, write_odd

HANDED_ON = (
    ("def forward(self, hidden_states, turn, mask)", "def forward(self, hidden_states, turn, mask, before)"),
    ("(normed, turn, mask)", "(normed, turn, mask, before)"),
    ("mixed = self.odd", "mixed, made = self.odd"),
    (FED, f"{FED}, made"),
    ("        for layer in self.layers:", "        before = None\n        for layer in self.layers:"),
    ("hidden_states = layer(", "hidden_states, made = layer("),
    ("(angles.cos(), angles.sin()), mask)", "(angles.cos(), angles.sin()), mask, before)"),
)
FIRST = (
    "\n        return self.norm(hidden_states)",
    "\n            before = {kept}\n        return self.norm(hidden_states)",
)
OWN_K = "key = self.k_proj(hidden_states).view(shape).transpose(1, 2)"
OWN_V = "value = self.v_proj(hidden_states).view(shape).transpose(1, 2)"
EARLIER = {
    "values of the first layer": (
        Odd(
            made="self.mix = nn.Parameter(torch.ones(1))",
            before="if before is not None:\n    value = value * (1 - self.mix) + before * self.mix",
            replaced=(
                *HANDED_ON,
                (FIRST[0], FIRST[1].format(kept="made if before is None else before")),
                ("return self.o_proj(attended)", "return self.o_proj(attended), value"),
            ),
        ),
        "values of model.layers.0.odd mixed into v, a value residual",
    ),
    "keys and values of the layer before": (
        Odd(
            made="self.owns = layer_idx % 2 == 0",
            replaced=(
                *HANDED_ON,
                (FIRST[0], FIRST[1].format(kept="made")),
                (OWN_K, f"key = before[0] if not self.owns else {OWN_K.removeprefix('key = ')}"),
                (OWN_V, f"value = before[1] if not self.owns else {OWN_V.removeprefix('value = ')}"),
                (
                    "query, key = rotate(query, turn), rotate(key, turn)",
                    "query, key = rotate(query, turn), rotate(key, turn) if self.owns else key",
                ),
                ("return self.o_proj(attended)", "return self.o_proj(attended), (key, value)"),
            ),
        ),
        "keys and values that model.layers.0.odd made: layers that share a KV cache",
    ),
}


@pytest.mark.parametrize("name", EARLIER)
def test_the_hole_says_what_an_earlier_layer_made(tmp_path: Path, name: str) -> None:
    odd, said = EARLIER[name]
    assert said in holes_of(write_odd(tmp_path, odd, layers=3))
