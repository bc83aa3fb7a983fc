"""Descriptions against vLLM's own classes and vllm-ascend's tables, from real trees, without running either."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest

from scaffold.checkpoint.headers import Form
from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.modelslim.check import Looked, Model, ModelSlimCheck, check_modelslim, look, resolve
from scaffold.modelslim.description import read_description
from scaffold.modelslim.layers import Layer
from scaffold.modelslim.upstream import Upstream, read_upstream
from scaffold.roots.vllm_tree import read_vllm_tree
from tests.lab.engine import engine
from tests.lab.trees import ascend_source
from tests.modelslim.folders import shared_folder
from tests.modelslim.made import FILE
from tests.modelslim.mutations import MUTATIONS
from tests.modelslim.real_shapes import REAL_SHAPES, moe, w4a8
from tests.rows import each
from tests.sampled import sampled

QKV = ("q_proj", "k_proj", "v_proj")


@lru_cache
def _looked(name: str) -> tuple[Path, Checkpoint, Looked]:
    """Look at a real shape once: what it asks for does not depend on its description."""
    folder = REAL_SHAPES[name]().write(shared_folder())
    checkpoint = read_checkpoint(folder)
    tree = read_vllm_tree(engine().pristine)
    return folder, checkpoint, look(checkpoint, Model(tree, tree.registry[checkpoint.architecture]))


@lru_cache
def _upstream() -> Upstream:
    found = read_upstream(ascend_source())
    assert found is not None
    return found


def checked(name: str, upstream: Upstream | None = None, **forms: Form) -> ModelSlimCheck:
    folder, checkpoint, looked = _looked(name)
    said = read_description(folder)
    assert said is not None
    if forms:
        checkpoint = replace(checkpoint, weights=replace(checkpoint.weights, forms=checkpoint.weights.forms | forms))
    return resolve(said, checkpoint, looked, upstream or _upstream(), (1, 2, 4))


@pytest.mark.parametrize("what", sampled(MUTATIONS, every=2))
def test_a_wrong_description_is_found(what: str) -> None:
    name, change, kind = MUTATIONS[what]
    folder, checkpoint, looked = _looked(name)
    before = (folder / FILE).read_text()
    try:
        (folder / FILE).write_text(json.dumps(change(json.loads(before))))
        said = read_description(folder)
        assert said is not None
        kinds = {one.kind for one in resolve(said, checkpoint, looked, _upstream()).findings}
        if kind == "draft":  # by its names alone, where no tree says who drafts
            without = check_modelslim(checkpoint, None, None)
            assert without is not None
            kinds |= {one.kind for one in without.findings}
    finally:
        (folder / FILE).write_text(before)
    assert kind in kinds


@each("value", [None, ["W8A8_DYNAMIC"], {"type": "W8A8"}, 8, True])
@each("at", ["1.self_attn.k_proj.weight", "1.mlp.experts.2.up_proj.weight", "0.mlp.gate.weight"])
def test_an_entry_that_is_no_text_is_named_as_what_it_is(value: object, at: str) -> None:
    folder, checkpoint, looked = _looked("MoE W8A8 dynamic")
    before = (folder / FILE).read_text()
    name = f"model.layers.{at}"
    try:
        (folder / FILE).write_text(json.dumps(json.loads(before) | {name: value}))
        said = read_description(folder)
        assert said is not None
        found = check_modelslim(checkpoint, None, None)
        resolved = resolve(said, checkpoint, looked, _upstream())
    finally:
        (folder / FILE).write_text(before)
    assert found is not None
    assert [(one.kind, one.tensors) for one in found.findings] == [("no word", (name,))]
    assert f"described as {json.dumps(value)}, which is no word" in found.findings[0].says
    assert resolved.findings == ()  # that layer is said once


def test_a_layer_that_asks_under_a_name_that_is_not_known_is_noted() -> None:
    folder, checkpoint, looked = _looked("dense W8A8")
    said = read_description(folder)
    assert said is not None
    hidden = tuple(replace(one, prefix=None) if isinstance(one, Layer) else one for one in looked.events)
    found = resolve(said, checkpoint, replace(looked, events=hidden), _upstream())
    assert any("asks for its quantisation is not known" in note for note in found.notes)
    assert not any("asks for its quantisation is not known" in note for note in checked("dense W8A8").notes)


@pytest.mark.parametrize("name", ["MoE W8A8 dynamic", "W4A8", "vision-language with prefix", "MTP described"])
def test_a_right_description_has_nothing_wrong(name: str) -> None:
    found = checked(name)
    assert found.holds
    assert found.layers > 9


def test_a_row_replaces_the_mapping_of_a_class_that_is_not_that_of_the_files() -> None:
    found = checked("dense W8A8")
    assert found.findings == ()
    (row,) = found.rows
    assert row.arguments == {
        "table": "packed", "model_types": "glm4", "row": "qkv_proj=q_proj,k_proj,v_proj gate_up_proj=gate_up_proj",
    }  # fmt: skip


def test_a_row_is_written_for_the_outer_and_the_text_model_type() -> None:
    upstream = _upstream()
    packed = {model_type: row for model_type, row in upstream.packed.items() if "vl" not in model_type}
    text = upstream.file.path.read_text().replace('"qwen3_vl_moe":', '"was_qwen3_vl_moe":')
    path = shared_folder() / "modelslim_config.py"
    path.write_text(text)
    without = replace(upstream, packed=packed, file=replace(upstream.file, path=path))
    (row,) = checked("vision-language with prefix", without).rows
    assert row.model_types == ("qwen3_vl_moe", "qwen3_vl_moe_text")
    assert row.entries["qkv_proj"] == QKV


def test_a_row_that_says_something_else_is_said_and_not_overwritten() -> None:
    upstream = _upstream()
    wrong = {**upstream.packed["qwen3_moe"], "qkv_proj": ("query", "key", "value")}
    found = checked("MoE W8A8 dynamic", replace(upstream, packed={**upstream.packed, "qwen3_moe": wrong}))
    assert found.rows == ()
    assert {"row", "not described"} <= {one.kind for one in found.findings}


SCALE = "model.layers.1.self_attn.o_proj.deq_scale"


@pytest.mark.parametrize(
    ("name", "form", "kind"),
    [
        ("deq_scale", Form(8, "F32", (1,), "", has_bits=True), "scale-shape"),
        ("deq_scale", Form(512, "BF16", (256,), "", has_bits=True), "data type"),
        ("weight", Form(8, "I8", (128, 512), "", has_bits=True), "shape"),
    ],
)
def test_tensors_beside_a_weight_have_the_shapes_and_types_of_their_scheme(name: str, form: Form, kind: str) -> None:
    found = checked("dense W8A8", **{f"model.layers.1.self_attn.o_proj.{name}": form})
    assert kind in {one.kind for one in found.findings}


@pytest.mark.parametrize(("ranks", "why"), [((8,), "64"), ((4,), None)])
def test_four_bits_are_shared_by_ranks_in_whole_groups(ranks: tuple[int, ...], why: str | None) -> None:
    folder, checkpoint, looked = _looked("W4A8")
    said = read_description(folder)
    assert said is not None
    found = resolve(said, checkpoint, looked, _upstream(), ranks)
    uneven = [one for one in found.findings if one.kind == "uneven"]
    assert bool(uneven) is (why is not None)
    assert all(f"groups of {why}" in one.says for one in uneven)


def test_descriptions_of_shards_that_contradict_each_other(tmp_path: Path) -> None:
    folder = moe().changed(shards=2).write(tmp_path)
    second = folder / "quant_model_description-00002-of-00002.json"
    said = json.loads(second.read_text())
    second.write_text(json.dumps({**said, "model.layers.0.self_attn.q_proj.weight": "W8A16"}))
    first = folder / "quant_model_description-00001-of-00002.json"
    first.write_text(json.dumps(json.loads(first.read_text()) | {"model.layers.0.self_attn.q_proj.weight": "W8A8"}))
    found = check_modelslim(read_checkpoint(folder), None, None)
    assert found is not None
    assert [one.kind for one in found.findings if "W8A16" in one.says] == ["file"]


@pytest.mark.parametrize(
    ("change", "count"),
    [(lambda words: words, 0), (lambda words: {n: w for n, w in words.items() if "v_proj.kv_cache_off" not in n}, 2)],
)
def test_the_scales_of_a_c8_cache_are_there(
    tmp_path: Path, change: Callable[..., dict[str, object]], count: int
) -> None:
    made = w4a8()
    caches = {
        f"model.layers.{layer}.self_attn.{p}_proj.kv_cache_{what}": (256,)
        for layer in range(2) for p in "kv" for what in ("scale", "offset")
    }  # fmt: skip
    folder = made.changed(
        others={**made.others, **change(dict.fromkeys(caches, (256,)))},
        settings={**made.settings, "kv_cache_type": "C8"},
    ).write(tmp_path)
    found = check_modelslim(read_checkpoint(folder), None, None)
    assert found is not None
    assert sum(len(one.tensors) for one in found.findings if one.kind == "cache") == count


def test_weights_that_no_layer_is_known_to_take_are_noted() -> None:
    folder, checkpoint, looked = _looked("MoE W8A8 dynamic")
    said = read_description(folder)
    assert said is not None
    blind = replace(looked, events=tuple(one for one in looked.events if getattr(one, "kind", "") != "moe"))
    found = resolve(said, checkpoint, blind, _upstream())
    assert any("which layer takes model.layers.*.mlp.experts.*" in note for note in found.notes)
    for name in ("MoE W8A8 dynamic", "W4A8", "MTP described"):
        assert not any("which layer takes" in note for note in checked(name).notes), name


def test_without_trees_it_is_said_that_layers_were_not_looked_at(tmp_path: Path) -> None:
    found = check_modelslim(read_checkpoint(moe().write(tmp_path)), None, None)
    assert found is not None
    assert found.findings == ()
    assert "was not looked at" in found.notes[0]
