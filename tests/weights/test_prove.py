"""Each kind of finding, on the smallest rules that have it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scaffold.checkpoint.headers import TensorHeader
from scaffold.testing.strategies import headers_of
from scaffold.weights import Heads, Part, Rule, Scope, WeightMap, prove
from scaffold.weights.splits import Even
from tests.rows import each

MODEL = Scope()
HEADS = Heads(8, 4, 16)
QKV = tuple(MODEL.qkv(["q", "k", "v"], "qkv", HEADS, 32))
SCALED = Scope(scale=("weight_scale_inv", (128, 128))).column("a.weight", 200, 130)


class Gap(Even):
    """Leaves out the last entry of each rank."""

    def interval(self, size: int, tp: int, rank: int) -> tuple[int, int]:
        begin, end = super().interval(size, tp, rank)
        return begin, end - 1


@each(
    ("rules", "ranks", "expected"),
    [
        ((MODEL.whole("a", 2), Rule("a", "b", (2,), (Part(None, 2),))), 1, [("ambiguous", ("a",))]),
        ((MODEL.whole("a", 2, target="c"), MODEL.whole("b", 2, target="c")), 1, [("conflict", ("a", "b"))]),
        (QKV[:2], 1, [("incomplete", ("q", "k"))]),
        (QKV, 8, []),  # two ranks hold each KV head
        (QKV, 3, [("uneven", ("q",)), ("uneven", ("k",)), ("uneven", ("v",))]),
        (tuple(MODEL.qkv(["q", "k", "v"], "qkv", Heads(12, 3, 4), 4)), 2, [("uneven", ("k",)), ("uneven", ("v",))]),
        ((MODEL.key_heads("k_norm", HEADS),), 8, []),
        ((MODEL.whole("k_norm", 64),), 7, []),
        ((MODEL.column("q_norm", 128, unit=16),), 16, [("uneven", ("q_norm",))]),
        ((MODEL.vocabulary("embed", 65, 4),), 32, []),  # padded to 128 rows
        ((MODEL.vocabulary("embed", 65, 4),), 3, [("uneven", ("embed",))]),
        ((Rule("a", "a", (8,), (Part(None, 8, Gap()),)),), 2, [("coverage", ("a",))]),
        (tuple(MODEL.experts([f"e.{{expert}}.{n}" for n in "gud"], ["w13", "w2"], 5, 8, 4)), 4, []),
    ],
)
def test_rules(rules: tuple[Rule, ...], ranks: int, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    weight_map = WeightMap(rules)
    findings = prove(weight_map, headers_of(weight_map), (ranks,)).findings
    assert [(finding.kind, finding.tensors) for finding in findings] == expected
    assert all(finding.ranks == ranks for finding in findings if finding.kind in ("uneven", "coverage"))
    assert all(finding.mends for finding in findings)


def test_scales() -> None:
    weight_map = WeightMap((SCALED,))
    headers = headers_of(weight_map)
    weight, scale = headers["a.weight"], headers["a.weight_scale_inv"]
    assert scale.shape == (2, 2)  # ragged: 128 + 72 rows, 128 + 2 columns

    def kinds(*found: TensorHeader) -> list[str]:
        return [finding.kind for finding in prove(weight_map, found).findings]

    assert kinds(weight, scale) == []
    assert kinds(weight) == ["no-scale"]
    assert kinds(scale) == ["missing", "no-weight"]
    assert kinds(weight, replace(scale, shape=(1, 2))) == ["scale-shape"]
    assert kinds(replace(weight, dtype="BF16"), scale) == ["no-weight"]
    assert kinds(replace(weight, dtype="BF16")) == []
    plain = WeightMap((replace(SCALED, scale=None),))
    (finding,) = prove(plain, [weight]).findings
    assert (finding.kind, finding.mends) == ("no-scale", "give the rule its scale")


def test_a_finding_says_everything() -> None:
    weight_map = WeightMap(QKV)
    headers = headers_of(weight_map)
    headers["k_"] = replace(headers.pop("k"), name="k_")
    said = [str(finding) for finding in prove(weight_map, headers).findings]
    assert said == [
        "missing: the model needs these tensors for qkv; the checkpoint lacks them: k; complete the checkpoint, or "
        "correct the rule",
        "unrouted: no rule takes these tensors: k_; with k in place of k_ in their names, these are tensors that the "
        "checkpoint lacks",
    ]


@pytest.mark.parametrize(
    ("name", "suggested"),
    [("layers.3.gate_proj_.weight", True), ("layers.3.gate_proj_.bias", False), ("layers.4.gate_proj_.weight", False)],
)
def test_another_name_is_suggested_for_a_tensor_of_the_same_layer_and_shape_only(name: str, suggested: bool) -> None:
    weight_map = WeightMap((Scope().column("layers.3.gate_proj.weight", 8, 4),))
    for shape, said in (((8, 4), suggested), ((4, 8), False)):
        header = replace(headers_of(weight_map)["layers.3.gate_proj.weight"], name=name, shape=shape)
        finding = next(one for one in prove(weight_map, [header]).findings if one.kind == "unrouted")
        assert ("with gate_proj in place of" in finding.mends) == said
