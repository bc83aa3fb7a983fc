"""Biases on some of q, k and v: vLLM's layer of all three has one for all, and zeros are loaded where there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scaffold.adapter.context import adapter_context
from scaffold.disagreements.table import disagreements
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.mixers.grouped_query.example import EXAMPLE
from scaffold.mixers.grouped_query.layout import unbiased_of
from scaffold.mixers.grouped_query.spec import AttentionSpec, GateSpec, ProjectionSpec
from scaffold.mixers.protocol import Example
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.module import Module
from scaffold.source.torch.tensors import Tensor
from scaffold.spec.values import Value
from scaffold.testing import properties, strategies
from scaffold.weights import Heads, Scope, WeightMap
from scaffold.weights.apply import load
from scaffold.weights.prove import prove
from scaffold.weights.written import test_file as written_rules
from tests.mixers.test_examples import classes_of, read
from tests.models.around import write_around
from tests.rows import each

HEADS = Heads(4, 2, 3)


def example(biased: str) -> Example:
    source = EXAMPLE.source
    for name in biased:
        size = "q_size" if name == "q" else "kv_size"
        before = f"self.{name}_proj = nn.Linear(config.hidden_size, {size}, bias="
        assert before in source
        source = source.replace(f"{before}False", f"{before}True")
    return replace(EXAMPLE, source=source)


@pytest.mark.parametrize(("biased", "unbiased"), [("q", (1, 2)), ("qv", (1,)), ("kv", (0,))])
def test_zeros_fill_what_has_no_bias(tmp_path: Path, biased: str, unbiased: tuple[int, ...]) -> None:
    checkpoint, source, decoder = read(write_around(tmp_path, {"mixer": example(biased)}, ["mixer", "mixer"]))
    mixer = decoder.layer.mixer
    assert isinstance(mixer, AttentionSpec)
    assert isinstance(EXAMPLE.spec, AttentionSpec)
    assert mixer == replace(EXAMPLE.spec, qkv_bias=Value(True), unbiased=unbiased)
    rules = weight_map_of(decoder, checkpoint, source)
    for size in (1, 2, 4):
        proof = prove(rules, checkpoint.tensors, (size,))
        assert (proof.findings, proof.unrouted) == ((), ())
    assert not disagreements(checkpoint, decoder)
    (text,) = classes_of(checkpoint, source, decoder).values()
    assert "self.total_num_kv_heads, bias=True" in text


def test_all_or_none_is_as_before(tmp_path: Path) -> None:
    _, _, decoder = read(write_around(tmp_path, {"mixer": example("qkv")}, ["mixer"]))
    assert isinstance(decoder.layer.mixer, AttentionSpec)
    assert (decoder.layer.mixer.qkv_bias, decoder.layer.mixer.unbiased) == (Value(True), ())


LOADER = """\
            if found and tensor == "bias" and name.startswith("model.layers."):
                yield f"{block}.mixer.k_proj.bias", weight.new_zeros(num_kv_heads * head_dim)
"""


def test_the_adapter_loads_zeros(tmp_path: Path) -> None:
    checkpoint, source, decoder = read(write_around(tmp_path, {"mixer": example("qv")}, ["mixer"]))
    rules = weight_map_of(decoder, checkpoint, source)
    context = adapter_context("CorvusForCausalLM", "PretrainedConfig", decoder, rules, checkpoint.tensors)
    assert 'Zeros(names=("k_proj",), sizes=(64,))' in written_rules(rules, "CorvusForCausalLM")
    (loader,) = context["loaders"]["rows"]
    assert loader["name"] == "fill_biases"
    assert loader["text"].endswith(LOADER.rstrip())
    rows = {row["weight_name"]: row["shard_id"] for row in context["loading"]["stacked"]["rows"]}
    assert {shard for name, shard in rows.items() if name.endswith(".k_proj")} == {'"k"'}


@each(
    "projection",
    [
        ProjectionSpec(("qkv",)),
        ProjectionSpec(("q", "kv", "kv"), kv_groups=1),
        ProjectionSpec(("q", "k", "k")),
        ProjectionSpec(("q", "inner.k", "v")),
        ProjectionSpec(("one.proj", "two.proj", "three.proj")),
        "a gate with q",
    ],
    ids=str,
)
def test_where_zeros_have_no_place_it_is_a_hole(projection: ProjectionSpec | str) -> None:
    gate = GateSpec("q", False, Value(False), with_q=True) if isinstance(projection, str) else None
    of = ProjectionSpec(("q", "k", "v")) if isinstance(projection, str) else projection
    linears = [linear(True), linear(False), linear(False)]
    with pytest.raises(NotUnderstood, match="a bias on some of the projections only"):
        unbiased_of(linears[0], linears, of, gate)
    assert unbiased_of(linears[0], [linear(False)] * 3, of, gate) == ()


def linear(has_bias: bool) -> Event:
    module = Module()
    if has_bias:
        module.attributes["bias"] = Tensor(np.ones(3))
    return Event("linear", module, (), {}, "modeling.py:1")


@each("zeros", [(1,), (1, 2), (0,), (0, 1), (2,)])
@each("ranks", [1, 2, 4])
def test_each_rank_has_zeros_where_nothing_is_on_disk(zeros: tuple[int, ...], ranks: int) -> None:
    layer = Scope("model.layers.{layer}.", ranges={"layer": range(2)})
    names = [f"attn.{name}.bias" for name in "qkv"]
    weight_map = WeightMap(tuple(layer.qkv(names, "attn.qkv_proj.bias", HEADS, zeros=zeros)))
    properties.proof_holds(weight_map, strategies.headers_of(weight_map), (1, ranks))
    properties.shards_reassemble(weight_map, ranks)
    tensors = {name: array + 1 for name, array in strategies.arrays_of(weight_map, 3).items()}
    properties.loading_can_be_undone(weight_map, tensors, ranks)
    sizes = [12 // ranks, *(6 // min(ranks, 2),) * 2]  # 4 heads of 3 for q, 2 for k and v, of which each rank has one
    for rank in range(ranks):
        held = load(weight_map, tensors, ranks, rank)
        assert len(held) == 2
        for bias in held.values():
            parts = np.split(bias, np.cumsum(sizes)[:-1])
            assert [len(part) for part in parts] == sizes
            assert [not part.any() for part in parts] == [i in zeros for i in range(3)]
