"""Flows through a layer: solved from numbers, written as statements, and computed again by these statements."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scaffold.adapter.wiring import layer_context
from scaffold.reading.wiring import Flow, solve
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.layers import LayerSpec, Step
from scaffold.spec.norms import NormSpec
from scaffold.spec.values import Value
from scaffold.weights.targets import attribute

SIZE = (11, 24)
CONFIG = {"residual_multiplier": 0.22, "norm_weight": 3.5}
ONE = Value(1.0)
RESIDUAL = Value(0.22, "residual_multiplier")
PROBE: Any = SimpleNamespace(
    completed=CONFIG, small=SimpleNamespace(attributes=CONFIG), literals_first=True, round_numbers=set()
)

Sum = dict[str, Value]
LAYOUTS: dict[str, tuple[list[tuple[str, Sum]], Sum]] = {
    "pre": (
        [("norm_a", {"x": ONE}), ("attn", {"norm_a": ONE}), ("norm_b", {"x": ONE, "attn": ONE}),
         ("mlp", {"norm_b": ONE})],
        {"x": ONE, "attn": ONE, "mlp": ONE},
    ),
    "post": (
        [("attn", {"x": ONE}), ("norm_a", {"attn": ONE}), ("mlp", {"x": ONE, "norm_a": ONE}), ("norm_b", {"mlp": ONE})],
        {"x": ONE, "norm_a": ONE, "norm_b": ONE},
    ),
    "norm of the sum": (
        [("attn", {"x": ONE}), ("norm_a", {"x": ONE, "attn": ONE}), ("mlp", {"norm_a": ONE}),
         ("norm_b", {"norm_a": ONE, "mlp": ONE})],
        {"norm_b": ONE},
    ),
    "sandwich": (
        [("norm_a", {"x": ONE}), ("attn", {"norm_a": ONE}), ("norm_b", {"attn": ONE}),
         ("norm_c", {"x": ONE, "norm_b": ONE}), ("mlp", {"norm_c": ONE}), ("norm_d", {"mlp": ONE})],
        {"x": ONE, "norm_b": ONE, "norm_d": ONE},
    ),
    "parallel, one norm": (
        [("norm_a", {"x": ONE}), ("attn", {"norm_a": ONE}), ("mlp", {"norm_a": ONE})],
        {"x": ONE, "attn": ONE, "mlp": ONE},
    ),
    "parallel, two norms": (
        [("norm_a", {"x": ONE}), ("attn", {"norm_a": ONE}), ("norm_b", {"x": ONE}), ("mlp", {"norm_b": ONE})],
        {"x": ONE, "attn": ONE, "mlp": ONE},
    ),
    "multipliers": (
        [("norm_a", {"x": ONE}), ("attn", {"norm_a": ONE}), ("norm_b", {"x": ONE, "attn": RESIDUAL}),
         ("mlp", {"norm_b": ONE})],
        {"x": ONE, "attn": RESIDUAL, "mlp": RESIDUAL},
    ),
    "no norms": ([("attn", {"x": ONE}), ("mlp", {"x": ONE, "attn": ONE})], {"x": ONE, "attn": ONE, "mlp": ONE}),
    "no residual of the attention": (
        [("norm_a", {"x": ONE}), ("attn", {"norm_a": ONE}), ("norm_b", {"attn": ONE}), ("mlp", {"norm_b": ONE})],
        {"attn": ONE, "mlp": ONE},
    ),
    "the second residual is the norm's output": (
        [("norm_a", {"x": ONE}), ("attn", {"norm_a": ONE}), ("norm_b", {"norm_a": ONE, "attn": ONE}),
         ("mlp", {"norm_b": ONE})],
        {"norm_b": ONE, "mlp": Value(-0.5)},
    ),
}  # fmt: skip
"""Order of norms and residuals → what flows into each block, and out of the layer."""


def block(name: str) -> Any:
    """Return a stand-in for a block: no sum of its input, another one for each name."""
    matrix = np.random.default_rng(list(name.encode())).normal(size=(SIZE[1], SIZE[1])) / SIZE[1] ** 0.5
    return lambda x: np.tanh(x @ matrix)


def total(flows: Sum | tuple[tuple[str, Value], ...], values: dict[str, np.ndarray]) -> np.ndarray:
    items = flows.items() if isinstance(flows, dict) else flows
    return sum((factor.value * values[name] for name, factor in items), np.zeros(SIZE))


def run(layout: tuple[list[tuple[str, Sum]], Sum], x: np.ndarray) -> tuple[list[Flow], np.ndarray]:
    """Return the flows of a layer and its output."""
    values, flows = {"x": x}, []
    for name, inputs in layout[0]:
        taken = total(inputs, values)
        values[name] = block(name)(taken)
        flows.append(Flow(name, taken, values[name]))
    return flows, total(layout[1], values)


def spec_of(layout: tuple[list[tuple[str, Sum]], Sum], form: str) -> LayerSpec:
    steps = tuple(Step(name, tuple(inputs.items())) for name, inputs in layout[0])
    norms = tuple((step.name, NormSpec(form, Value(1e-6))) for step in steps if step.name.startswith("norm"))
    attention: Any = SimpleNamespace(name="attn")
    feed_forward: Any = SimpleNamespace(name="mlp")
    return LayerSpec(attention, feed_forward, norms, steps, tuple(layout[1].items()))


def executed(spec: LayerSpec, x: np.ndarray) -> np.ndarray:
    """Return what the statements of an adapter's ``forward`` compute."""
    lines = layer_context(spec, "self.attn", "self.mlp")["statements"]
    body = "\n".join(f"    {line}" for line in lines)
    space: dict[str, Any] = {}
    exec(f"def forward(self, positions, hidden_states):\n{body}", space)
    names = {step.name for step in spec.steps}
    parts = {attribute(name, "mlp"): block(name) for name in names}
    parts["attn"] = lambda positions, x: block("attn")(x)
    return space["forward"](SimpleNamespace(**parts, config=SimpleNamespace(**CONFIG)), None, x)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_flow_is_solved(name: str) -> None:
    x = np.random.default_rng(0).normal(size=SIZE)
    flows, output = run(LAYOUTS[name], x)
    steps, out = solve(PROBE, x, flows, output, "")
    assert [(step.name, dict(step.inputs)) for step in steps] == LAYOUTS[name][0]
    assert dict(out) == LAYOUTS[name][1]


@pytest.mark.parametrize("name", LAYOUTS)
def test_an_adapters_statements_compute_it_again(name: str) -> None:
    x = np.random.default_rng(1).normal(size=SIZE)
    spec = spec_of(LAYOUTS[name], "layer")
    np.testing.assert_allclose(executed(spec, x), run(LAYOUTS[name], x)[1], rtol=1e-12)


def test_norms_that_add_the_residual_take_the_place_of_the_statements_of_pre_norm() -> None:
    specs = {name: spec_of(layout, "rms") for name, layout in LAYOUTS.items()}
    fused = {name: layer_context(spec, "self.attn", "self.mlp")["fused"] for name, spec in specs.items()}
    assert [name for name, is_fused in fused.items() if is_fused] == ["pre"]


factors = st.sampled_from([ONE, ONE, ONE, RESIDUAL, Value(-0.5)])


@st.composite
def layouts(draw: st.DrawFn) -> tuple[list[tuple[str, Sum]], Sum]:
    """Draw a layer: any blocks in any order, each with any sum of what there is before it."""
    norms = draw(st.integers(0, 4))
    names = draw(st.permutations(["attn", "mlp", *(f"norm_{n}" for n in range(norms))]))
    known, steps = ["x"], []
    for name in names:
        steps.append((name, draw(st.dictionaries(st.sampled_from(known), factors, min_size=1, max_size=3))))
        known.append(name)
    return steps, draw(st.dictionaries(st.sampled_from(known), factors, min_size=1, max_size=4))


@given(layout=layouts(), seed=st.integers(0, 1000))
@example(
    layout=([("attn", {"x": RESIDUAL}), ("mlp", {"x": ONE})], {"attn": ONE}), seed=0
)  # a factor on the first block's input was once left out
def test_any_layer_is_solved_and_computed_again(layout: tuple[list[tuple[str, Sum]], Sum], seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=SIZE)
    flows, output = run(layout, x)
    steps, out = solve(PROBE, x, flows, output, "")
    assert [(step.name, dict(step.inputs)) for step in steps] == layout[0]
    assert dict(out) == layout[1]
    np.testing.assert_allclose(executed(spec_of(layout, "layer"), x), output, rtol=1e-9, atol=1e-12)


def test_what_is_no_sum_is_not_understood() -> None:
    x = np.random.default_rng(2).normal(size=SIZE)
    flows, output = run(LAYOUTS["pre"], x)
    with pytest.raises(NotUnderstood, match="leaves the layer"):
        solve(PROBE, x, flows, output * x, "")
    gated = [*flows[:2], Flow("norm_b", flows[1].given * x, flows[2].given)]
    with pytest.raises(NotUnderstood, match="flows into norm_b"):
        solve(PROBE, x, gated, output, "")
    odd = [*flows[:2], Flow("norm_b", x + 0.123456789 * flows[1].given, flows[2].given)]
    with pytest.raises(NotUnderstood, match=r"a factor of 0\.123457 on attn"):
        solve(PROBE, x, odd, output, "")
