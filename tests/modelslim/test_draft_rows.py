"""Rows that a draft needs: together with the model's, or of its own model type; and shapes as they are published."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest

from codemods import find_codemod
from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.modelslim.asked import Asked
from scaffold.modelslim.check import Looked, Model, ModelSlimCheck, look, resolve
from scaffold.modelslim.description import read_description
from scaffold.modelslim.draft_fills import filled_by_names
from scaffold.modelslim.layers import Layer
from scaffold.modelslim.upstream import Upstream, read_upstream
from scaffold.roots.vllm_tree import read_vllm_tree
from scaffold.vllm_models.loaders import Loader
from tests.lab.engine import engine
from tests.lab.trees import ascend_source
from tests.modelslim.folders import shared_folder
from tests.modelslim.published_shapes import PUBLISHED
from tests.rows import each
from tests.sampled import costly, sampled

FULL, STEP = "Qwen3-Next MTP", "Step 3.5 MTP"
TABLES = Path("vllm_ascend", "quantization", "modelslim_config.py")
QKV = ("q_proj", "k_proj", "v_proj")


@lru_cache
def _looked(name: str, only_draft: bool = False) -> tuple[Path, Checkpoint, Looked]:
    made = PUBLISHED[name]()
    if only_draft:  # the model has linear attention alone: the draft is the only one with a qkv_proj
        modules = {n: size for n, size in made.modules.items() if "layers.1.self_attn" not in n}
        linear = {n.replace("layers.0", "layers.1"): s for n, s in modules.items() if "layers.0.linear_attn" in n}
        others = {n: s for n, s in made.others.items() if "layers.1.self_attn" not in n}
        others |= {n.replace("layers.0", "layers.1"): s for n, s in others.items() if "layers.0.linear_attn" in n}
        config = {**made.config, "layer_types": ["linear_attention"] * 2}
        made = made.changed(config=config, modules=modules | linear, others=others)
    checkpoint = read_checkpoint(made.write(shared_folder()))
    tree = read_vllm_tree(engine().pristine)
    model = Model(tree, tree.registry[checkpoint.architecture], engine().transformers)
    return checkpoint.path, checkpoint, look(checkpoint, model)


def checked(name: str, upstream: Upstream, only_draft: bool = False) -> ModelSlimCheck:
    folder, checkpoint, looked = _looked(name, only_draft)
    said = read_description(folder)
    assert said is not None
    return resolve(said, checkpoint, looked, upstream, (1, 2))


def tree_with(change: tuple[str, str], *more: tuple[str, str]) -> Upstream:
    """Return the tables of a tree whose text was changed; who drafts is read from it, too."""
    folder = shared_folder()
    for name in (TABLES.parent / "methods", Path("vllm_ascend", "spec_decode")):
        shutil.copytree(ascend_source() / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    text = (ascend_source() / TABLES).read_text()
    for pattern, new in (change, *more):
        text, count = re.subn(pattern, new, text, flags=re.MULTILINE)
        assert count, pattern
    (folder / TABLES).write_text(text)
    found = read_upstream(folder)
    assert found is not None
    return found


def without(model_type: str) -> tuple[str, str]:
    return rf'^    "{model_type}": {{\n(?:        .*\n)*    }},\n', ""


@lru_cache
def _pristine() -> Upstream:
    found = read_upstream(ascend_source())
    assert found is not None
    return found


@pytest.mark.parametrize("name", sampled([name for name in PUBLISHED if "ERNIE" not in name], every=9))
def test_published_shapes_hold(name: str) -> None:
    found = checked(name, _pristine())
    assert found.findings == ()
    assert found.rows == ()
    assert found.layers >= 8


def test_a_draft_with_its_own_config_gets_rows_of_its_own_model_type() -> None:
    upstream = tree_with(without("step3p5_mtp"))
    found = checked(STEP, upstream)
    rows = {(row.table, *row.model_types): dict(row.entries) for row in found.rows}
    assert rows == {
        ("substr", "step3p5_mtp"): {".mtp_block.": (".",)},
        ("packed", "step3p5_mtp"): {"qkv_proj": QKV, "gate_up_proj": ("gate_proj", "up_proj")},
    }
    assert found.findings == ()
    assert found.layers == checked(STEP, _pristine()).layers
    text = upstream.file.path.read_text()
    for row in found.rows:
        text = find_codemod("add-modelslim-rows").run(text, row.arguments)
    upstream.file.path.write_text(text)
    written = read_upstream(upstream.root)
    assert written is not None
    assert checked(STEP, written).holds


def test_what_a_draft_alone_needs_goes_into_the_row_of_the_model() -> None:
    assert checked(FULL, _pristine(), only_draft=True).holds
    lacks = tree_with((r'(?<=^    "qwen3_next": {\n)        "qkv_proj": \[(?:.|\n)*?\],\n', ""))
    found = checked(FULL, lacks, only_draft=True)
    assert found.findings == ()
    (row,) = found.rows
    assert row.model_types == ("qwen3_next",)
    assert row.entries["qkv_proj"] == QKV


def test_a_row_without_effect_is_not_proposed() -> None:
    upstream = tree_with(
        without("step3p5_mtp"), (r"if prefix_mapping or substr_mapping:", "if prefix_mapping and substr_mapping:")
    )  # fmt: skip
    found = checked(STEP, upstream)
    assert found.rows == ()
    assert any(one.kind == "row" and ".mtp_block. has no effect" in one.says for one in found.findings)
    assert any("qkv_proj ends in a KeyError" in one.says for one in found.findings)


def test_entries_that_no_row_can_reach_are_to_be_added_under_the_names_that_are_looked_up() -> None:
    found = checked("ERNIE 4.5 MTP", _pristine())
    (row,) = found.rows
    assert row.model_types == ("ernie4_5_moe",)
    assert {one.kind for one in found.findings} == {"draft"}
    (qkv,) = [one for one in found.findings if "qkv_proj" in one.says]
    assert qkv.tensors == tuple(f"model.layers.2.self_attn.{name}.weight" for name in QKV)
    assert "they are there as model.mtp_block.0.self_attn.q_proj.weight, model.mtp_block.0." in qkv.mends


def _asked(*places: tuple[str, str, tuple[object, ...]]) -> list[Asked]:
    return [
        Asked(Layer(number, path, prefix, "linear", "", "", dict.fromkeys(shards)), prefix, (), (), (), "", "", False,
              False, {}, lambda name: name)
        for number, (path, prefix, shards) in enumerate(places)
    ]  # fmt: skip


LOADER = Loader(rows=(("gate_proj", "gate_up_proj", 0), ("up_proj", "gate_up_proj", 1)))
BLOCK = "model.layers.4.mtp_block.mlp"


@each(
    ("places", "stems", "parts"),
    [
        ([(f"{BLOCK}.down_proj", f"{BLOCK}.down_proj", (None,))], ["model.layers.4.mlp.down_proj"],
         {0: {None: "model.layers.4.mlp.down_proj"}}),
        ([(f"{BLOCK}.gate_up_proj", f"{BLOCK}.gate_up_proj", (0, 1))], ["model.layers.4.mlp.gate_proj"], {}),
        ([(f"{BLOCK}.down_proj", "mtp.mlp.down_proj", (None,))], ["model.layers.5.mlp.down_proj"], {}),
        # a shared expert is not the dense block, however near its name is
        ([(f"{BLOCK}.shared.down_proj", "", (None,))], ["model.layers.4.mlp.down_proj"], {}),
        ([("a.x.mlp.down", "", (None,)), ("a.y.mlp.down", "", (None,))], ["a.mlp.down"], {}),
        ([("a.mlp.down", "", (None,))], ["a.x.mlp.down", "a.y.mlp.down"], {}),
    ],
)  # fmt: skip
def test_modules_are_known_by_their_names_or_left_open(places, stems, parts) -> None:
    assert filled_by_names(_asked(*places), stems, LOADER).parts == parts


@costly
def test_a_draft_that_no_row_can_serve_beside_its_model_leaves_the_models_row() -> None:
    folder, checkpoint, looked = _looked(FULL)
    said = read_description(folder)
    assert said is not None
    assert looked.draft is not None
    moved = tuple(
        replace(one, prefix=one.prefix.replace("qkv_proj", "in_proj_qkvz")) if isinstance(one, Layer) and one.prefix
        else one for one in looked.draft.events
    )  # fmt: skip
    lacks = tree_with(without("qwen3_next"))
    alone = resolve(said, checkpoint, replace(looked, draft=None), lacks, (1,)).rows
    found = resolve(said, checkpoint, replace(looked, draft=replace(looked.draft, events=moved)), lacks, (1,))
    assert found.rows == alone
