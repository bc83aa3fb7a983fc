"""The rules' properties, on rule sets of all kinds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.testing import properties, strategies
from scaffold.testing.arrays import E4M3, to_bfloat16
from scaffold.testing.strategies import MutatedHeaders
from scaffold.weights import Heads, Part, Rule, Scale, Scope, WeightMap, prove
from scaffold.weights.splits import Even, KvHeads, expert_interval
from scaffold.weights.transforms import Array

Case = tuple[WeightMap, int]


@given(strategies.weight_maps(), st.data())
def test_routing_is_total_and_unambiguous(case: Case, data: st.DataObject) -> None:
    names = data.draw(strategies.key_sets(case[0]))
    properties.routing_is_total_and_unambiguous(case[0], names)
    properties.routing_is_total_and_unambiguous(case[0], [n for rule in case[0].rules for n in rule.names()])


@given(strategies.weight_maps(), st.data())
def test_lookup_there_and_back_is_the_identity(case: Case, data: st.DataObject) -> None:
    properties.lookup_is_the_identity(case[0], data.draw(strategies.names(case[0])))


@given(strategies.weight_maps(), st.text("mlayersd.0123456789_", max_size=40))
def test_other_names_have_no_route(case: Case, name: str) -> None:
    known = {n for rule in case[0].rules for n in rule.names()}
    assert bool(case[0].routes(name)) == (name in known)


@given(strategies.weight_maps(), st.integers(0, 100))
def test_the_shards_of_all_ranks_make_up_each_tensor(case: Case, seed: int) -> None:
    weight_map, size = case
    properties.shards_reassemble(weight_map, size)
    properties.loading_can_be_undone(weight_map, strategies.arrays_of(weight_map, seed), size)


@given(strategies.weight_maps())
def test_the_proof_holds_on_what_the_rules_ask_for(case: Case) -> None:
    weight_map, size = case
    properties.proof_holds(weight_map, strategies.headers_of(weight_map), (1, size))


@given(strategies.weight_maps(), st.data())
def test_each_mutation_is_found(case: Case, data: st.DataObject) -> None:
    properties.mutation_is_found(case[0], data.draw(strategies.mutated_headers(case[0])))


@given(strategies.scaled_weights())
def test_dequantisation_is_the_definition(case: tuple[Array, Array, tuple[int, int]]) -> None:
    properties.dequantisation_is_the_definition(*case)


@given(strategies.layouts())
def test_each_rank_has_the_key_heads_of_its_query_heads(case: tuple[Heads, int]) -> None:
    """What attention on one rank needs: the KV head of each query head that the rank holds."""
    heads, size = case
    query, key, _ = heads.parts()
    group = heads.heads // heads.kv_heads
    for rank in range(size):
        begin, end = (bound // heads.head_dim for bound in query.split.interval(query.size, size, rank))
        held = range(*(bound // heads.head_dim for bound in key.split.interval(key.size, size, rank)))
        assert {head // group for head in range(begin, end)} <= set(held)


@given(st.integers(1, 300), st.integers(1, 64))
def test_uneven_experts_are_each_on_one_rank(experts: int, ranks: int) -> None:
    intervals = [expert_interval(experts, ranks, rank) for rank in range(ranks)]
    assert [e for begin, end in intervals for e in range(begin, end)] == list(range(experts))
    counts = [end - begin for begin, end in intervals]
    assert max(counts) - min(counts) <= 1
    assert counts == sorted(counts, reverse=True)


@given(st.floats(width=32, allow_nan=False))
def test_rounding_to_bfloat16(value: float) -> None:
    """The nearest number with 8 bits of precision, ties to even."""
    (rounded,) = to_bfloat16(np.array([value], np.float32))
    if not math.isfinite(float(rounded)):
        assert abs(value) >= float.fromhex("0x1.FFp127")  # half of a step above the largest bfloat16
        return
    step = 2.0 ** (max(math.frexp(value)[1], -125) - 8)
    ratio = value / step
    assert float(rounded) == round(ratio) * step


def test_fp8_numbers() -> None:
    assert E4M3[0x7E] == 448
    assert E4M3[0x01] == 2**-9
    assert E4M3[0x38] == 1
    assert E4M3[0xB8] == -1
    assert np.isnan(E4M3[[0x7F, 0xFF]]).all()
    assert len(set(E4M3[:0x7F])) == 0x7F


def rule(part: Part) -> WeightMap:
    return WeightMap((Rule("w", "w", (part.size,), (part,)),))


def test_the_properties_fail_where_they_should(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="cannot be shared evenly"):
        properties.shards_reassemble(rule(Part(None, 6, Even())), 4)
    with pytest.raises(AssertionError, match="KV heads"):
        properties.shards_reassemble(rule(Part(None, 6, KvHeads(3))), 2)
    layer = Scope("layers.{layer}.", ranges={"layer": range(2)})
    double = WeightMap((layer.whole("a", 2), Scope().whole("layers.0.a", 2)))
    with pytest.raises(AssertionError, match="2 routes"):
        properties.routing_is_total_and_unambiguous(double, ["layers.0.a"])
    with pytest.raises(AssertionError, match="0 routes"):
        properties.routing_is_total_and_unambiguous(double, ["layers.2.a"])
    both = WeightMap((Scope().whole("a", 2, target="c"), Scope().whole("b", 2, target="c")))
    with pytest.raises(AssertionError, match="both fill"):
        properties.routing_is_total_and_unambiguous(both, ["a", "b"])
    with pytest.raises(AssertionError, match="is filled by"):
        properties.lookup_is_the_identity(both, "a")
    whole = WeightMap((Scope().whole("a", 2),))
    unharmed = MutatedHeaders(strategies.MUTATIONS[0], list(strategies.headers_of(whole).values()))
    with pytest.raises(AssertionError, match="expected"):
        properties.mutation_is_found(whole, unharmed)
    with pytest.raises(AssertionError, match="unrouted"):
        properties.proof_holds(WeightMap(()), strategies.headers_of(whole))
    monkeypatch.setattr(Scale, "apply", lambda self, weight, scale: weight * scale)
    with pytest.raises(AssertionError, match="entry 0, 1"):
        properties.dequantisation_is_the_definition(np.ones((1, 2), np.float32), np.array([[3, 2]], np.float32), (1, 2))


def test_one_head_less_is_found() -> None:
    heads = Heads(4, 2, 8)
    names = ["q", "k", "v"]
    weight_map = WeightMap(tuple(Scope().qkv(names, "qkv", heads, 16)))
    headers = strategies.headers_of(weight_map)
    fewer = WeightMap(tuple(Scope().qkv(names, "qkv", Heads(4, 1, 8), 16)))
    findings = prove(fewer, headers).findings
    assert [(finding.kind, finding.rule) for finding in findings] == [("shape", "k"), ("shape", "v")]
