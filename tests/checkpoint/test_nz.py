"""Linear layers with one output on NPUs."""

from __future__ import annotations

from scaffold.checkpoint.nz import facts
from scaffold.checkpoint.patterns import Pattern
from tests.rows import each

GATE = "model.layers.*.mlp.shared_expert_gate.weight"


@each(
    ("dtype", "shape", "setting"),
    [("BF16", (1, 64), '"weight_nz_mode": 1'), ("I8", (1, 64), '"weight_nz_mode": 0'), ("F32", (1, 64), None),
     ("BF16", (64, 64), None), ("BF16", (1,), None)],
)  # fmt: skip
def test_a_gate_with_one_output_and_the_setting_that_helps(
    dtype: str, shape: tuple[int, ...], setting: str | None
) -> None:
    found = list(facts([Pattern(GATE, dtype, shape, 2, 128)]))
    assert [fact.name for fact in found] == (["shared_expert_gate on NPUs"] if setting else [])
    assert all(setting in fact.value for fact in found if setting)
