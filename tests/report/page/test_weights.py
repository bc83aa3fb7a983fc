"""Where tensors go, as data of the page: what the rules themselves say of each."""

from __future__ import annotations

import pytest

from scaffold.checkpoint.headers import TensorHeader
from scaffold.report.page.folding import unfolded
from scaffold.report.page.weights import CHECKS, Weights, weights_of
from scaffold.weights import Heads, Scope, WeightMap
from scaffold.weights.findings import Finding, Proof
from scaffold.weights.prove import prove
from tests.bench.twin import CONFIG, tensors
from tests.weights.by_hand import deepseek_v3_fp8

LAYER = Scope("model.layers.{layer}.", ranges={"layer": range(2)})
SMALL = WeightMap(
    (
        *LAYER.qkv([f"attn.{p}.weight" for p in "qkv"], "attn.qkv.weight", Heads(8, 2, 16), 64),
        Scope().vocabulary("embed.weight", 100, 64),
        Scope().ignored("tower.{rest}", "the tower tower"),
    )
)


def header(name: str, *shape: int) -> TensorHeader:
    return TensorHeader(name, "BF16", shape, "")


def small(*more: TensorHeader, ranks: tuple[int, ...] = (1, 2, 4)) -> Weights:
    names = {"q": 128, "k": 32, "v": 32}
    found = [header(f"model.layers.{i}.attn.{p}.weight", size, 64) for i in range(2) for p, size in names.items()]
    headers = {one.name: one for one in (*found, header("embed.weight", 100, 64), *more)}
    return weights_of(SMALL, prove(SMALL, headers, ranks), headers)


def test_each_tensor_has_the_rule_that_takes_it() -> None:
    config = {**CONFIG, "num_hidden_layers": 4, "n_routed_experts": 4}
    weight_map = deepseek_v3_fp8(config)
    headers = {
        name: TensorHeader(name, dtype, shape, "")
        for name, dtype, shape in tensors(4)
        if not any(f".experts.{number}." in name for number in range(4, 256))
    }
    found = weights_of(weight_map, prove(weight_map, headers, (1,)), headers)
    kinds = {name: found.kinds[kind] for name, kind in unfolded(found.tree)}
    assert kinds.keys() == headers.keys()
    for name, kind in kinds.items():
        assert (kind.dtype, kind.shape) == (headers[name].dtype, headers[name].shape)
        taken = weight_map.routes(name.removesuffix("_scale_inv") if kind.is_scale else name)
        assert [route.rule for route in taken] == [weight_map.rules[kind.rule]], name
        assert kind.is_scale == (name.endswith("_scale_inv") and bool(taken[0].target))


def test_what_ranks_hold_is_what_the_splits_say() -> None:
    document = small().document()
    assert document["ranks"] == [1, 2, 4]
    held = {rule["source"]: [(part["shard"], part["held"]) for part in rule["parts"]] for rule in document["rules"]}
    assert held["model.layers.{layer}.attn.q.weight"] == [("q", [128, 64, 32])]
    assert held["model.layers.{layer}.attn.k.weight"] == [("k", [32, 16, 16])]  # replicated: 2 heads, 4 ranks
    assert held["embed.weight"] == [("", [100, 64, 32])]  # padded to 128 rows


def test_a_size_that_does_not_divide_holds_nothing() -> None:
    found = small(ranks=(1, 3))
    rule = next(rule for rule in found.document()["rules"] if rule["source"].endswith("q.weight"))
    assert rule["parts"][0]["held"] == [128, None]
    assert [finding["kind"] for finding in found.document()["findings"]] == ["uneven"] * 4


def test_what_no_rule_takes_and_what_one_leaves_out_are_told_apart() -> None:
    found = small(header("tower.a.0.weight", 3), header("odd.weight", 1))
    rules = {name: found.kinds[kind].rule for name, kind in unfolded(found.tree)}
    assert rules["odd.weight"] == -1
    assert SMALL.rules[rules["tower.a.0.weight"]].reason == "the tower tower"
    assert [(f["kind"], f["tensors"]) for f in found.document()["findings"]] == [("unrouted", ["odd.weight"])]


def test_a_finding_of_many_tensors_is_cut_and_says_so() -> None:
    found = small(*(header(f"odd.{number}", 1) for number in range(60)))
    (finding,) = found.document()["findings"]
    assert (len(finding["tensors"]), finding["more"]) == (50, 10)


def test_every_kind_of_finding_belongs_to_one_check() -> None:
    kinds = [kind for kinds in CHECKS.values() for kind in kinds]
    named = (Finding.__doc__ or "").partition("kind:")[2].partition(".\n")[0]
    assert sorted(kinds) == sorted(named.replace("`", "").replace("\n", " ").replace(",", " ").split())


@pytest.mark.parametrize("stand_for", [False, True])
def test_that_tensors_stand_for_others_is_kept(stand_for: bool) -> None:
    assert weights_of(WeightMap(()), Proof(0, 0, 0, (), (), (), {}), {}, stand_for).stand_for is stand_for
