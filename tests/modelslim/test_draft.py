"""What the layers of a draft for multi-token prediction are given, by the classes and rows of real trees."""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.modelslim.asked import asked
from scaffold.modelslim.check import Looked, Model, ModelSlimCheck, check_modelslim, look, resolve
from scaffold.modelslim.description import read_description
from scaffold.modelslim.dialect import dialect_of
from scaffold.modelslim.draft_check import check_draft
from scaffold.modelslim.draft_model import draft_of, overridden
from scaffold.modelslim.layers import Layer
from scaffold.modelslim.proposers import conditions, named_in
from scaffold.modelslim.upstream import Upstream, read_upstream
from scaffold.roots.vllm_tree import read_vllm_tree
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.syntax import read_tree
from tests.lab.engine import engine
from tests.lab.trees import ascend_source
from tests.modelslim.folders import shared_folder
from tests.modelslim.real_shapes import REAL_SHAPES

DESCRIBED, PLAIN = "MTP described", "MTP plain"


@lru_cache
def looked_at(shape: str) -> tuple[Path, Checkpoint, Looked]:
    """Look at a real shape once: what it asks for does not depend on its description."""
    folder = REAL_SHAPES[shape]().write(shared_folder())
    checkpoint, tree = read_checkpoint(folder), read_vllm_tree(engine().pristine)
    return folder, checkpoint, look(checkpoint, Model(tree, tree.registry[checkpoint.architecture]))


def checked(shape: str, ascend: Path | None = None, **changes: Any) -> ModelSlimCheck:
    """Check a real shape, with another view of its draft, or with tables that lie in another tree."""
    folder, checkpoint, looked = looked_at(shape)
    said, upstream = read_description(folder), read_upstream(ascend_source())
    assert said is not None
    assert upstream is not None
    assert looked.draft is not None
    looked = replace(looked, draft=replace(looked.draft, **changes))
    return resolve(said, checkpoint, looked, upstream if ascend is None else elsewhere(ascend, upstream), (1, 2))


def elsewhere(folder: Path, upstream: Upstream) -> Upstream:
    """Return the same tables in a tree of which nothing is known besides."""
    path = folder / upstream.where
    path.parent.mkdir(parents=True)
    path.write_bytes(upstream.file.path.read_bytes())
    return replace(upstream, file=replace(upstream.file, path=path))


def test_the_layers_of_a_draft_have_their_entries_by_the_rows_of_the_model() -> None:
    found = checked(DESCRIBED)
    assert found.holds
    assert found.notes == ()
    without = sum(isinstance(one, Layer) for one in looked_at(DESCRIBED)[2].events)
    assert found.layers == without + 6


def test_a_plain_draft_that_is_not_described_is_said_layer_by_layer() -> None:
    found = checked(PLAIN)
    drafts = [one for one in found.findings if one.kind == "draft"]
    assert found.findings == tuple(drafts)
    assert any("QKVParallelLinear model.layers.2.self_attn.qkv_proj ends in a KeyError" in one.says for one in drafts)
    assert {one.mends for one in drafts} == {"add the entry as FLOAT: the weights are plain"}
    names = {name for one in drafts for name in one.tensors}
    assert "model.layers.2.self_attn.k_proj.weight" in names
    assert not any("eh_proj" in name for name in names)  # no layer that asks


def test_a_draft_whose_class_is_not_known_is_looked_at_by_its_names() -> None:
    found = checked(PLAIN, why="this vLLM has no draft for it")
    assert found.notes == (
        "of layers for multi-token prediction their own entries alone were looked at: this vLLM has no draft for it",
    )
    assert [one.kind for one in found.findings] == ["draft"]


def test_the_draft_is_asked_by_the_rows_of_the_model_unless_its_proposer_has_its_config(tmp_path: Path) -> None:
    assert checked(DESCRIBED, model_type="deepseek_mtp").holds  # whose row packs no qkv_proj
    own = checked(DESCRIBED, model_type="deepseek_mtp", chosen_by=frozenset(["use_step3p5_mtp"]))
    (row,) = own.rows
    assert row.model_types == ("deepseek_mtp",)
    assert row.entries["qkv_proj"] == ("q_proj", "k_proj", "v_proj")
    assert own.findings == ()
    assert not any("is not known" in note and "rows" in note for note in own.notes)
    unknown = checked(DESCRIBED, model_type="deepseek_mtp", ascend=tmp_path / "tree")
    (note,) = unknown.notes
    assert "the rows of deepseek_mtp and glm4_moe differ for model.layers.2.self_attn.qkv_proj" in note
    assert unknown.findings == ()


def test_experts_are_known_by_their_names_in_whichever_order_they_are_looked_up() -> None:
    folder, checkpoint, looked = looked_at(DESCRIBED)
    said, upstream = read_description(folder), read_upstream(ascend_source())
    assert said is not None
    assert upstream is not None
    row = {**upstream.packed["glm4_moe"], "experts": tuple(f"experts.0.{name}_proj" for name in ("down", "gate", "up"))}
    found = check_draft(
        looked.draft, looked.events, said, checkpoint, replace(upstream, packed={**upstream.packed, "glm4_moe": row}),
        looked.has_rename_mapper, {}, (1,),
    )  # fmt: skip
    assert found.findings == ()
    (experts,) = found.filled.experts.values()
    assert experts["w2"][3] == "model.layers.2.mlp.experts.3.down_proj"


def test_a_head_of_a_draft_without_an_entry_gets_that_of_the_model_in_early_releases() -> None:
    upstream = read_upstream(ascend_source())
    assert upstream is not None
    text = (
        'self.quant_description[key] == "FLOAT"\nif key not in said and ".head" in prefix:\n    key = "lm_head.weight"'
    )
    early = dialect_of(text)
    assert early is not None
    assert early.shares_head
    layer = Layer(1, "model.layers.2.head", "model.layers.2.head", "embedding", "ParallelLMHead", "cedar")
    words = {"lm_head.weight": "FLOAT"}
    (found,) = asked([layer], words, replace(upstream, dialect=early), has_rename_mapper=True)
    assert (found.entries, found.word) == (("lm_head.weight",), "FLOAT")
    (other,) = asked([layer], words, replace(upstream, dialect=replace(early, shares_head=False)), True)
    assert other.missing == ("model.layers.2.head.weight",)


def test_which_proposers_have_the_config_of_the_draft_is_read() -> None:
    assert conditions(ascend_source()) == {"use_step3p5_mtp"}
    tree = read_tree(engine().pristine / "vllm" / "config" / "speculative.py")
    (speculative,) = [one for one in tree.body if getattr(one, "name", "") == "SpeculativeConfig"]
    assert isinstance(speculative, ast.ClassDef)
    assert named_in(speculative, "step3p5_mtp") == {"use_step3p5_mtp"}
    assert named_in(speculative, "deepseek_mtp") == frozenset()


@pytest.mark.parametrize(
    ("architecture", "model_type", "draft"),
    [
        ("DeepseekV3ForCausalLM", "deepseek_v3", "DeepSeekMTPModel"),
        ("Glm4MoeForCausalLM", "glm4_moe", "Glm4MoeMTPModel"),
        ("MiMoV2FlashForCausalLM", "mimo_v2_flash", "MiMoV2MTPModel"),
        ("Qwen3NextForCausalLM", "qwen3_next", "Qwen3NextMTP"),
        ("CedarForCausalLM", "cedar", "CedarForCausalLM"),
    ],
)
def test_the_class_that_drafts_is_what_the_tree_makes_of_the_config(architecture, model_type, draft) -> None:
    config = {"architectures": [architecture], "model_type": model_type, "num_nextn_predict_layers": 1}
    found = overridden(engine().pristine, config)
    assert found["architectures"] == [draft]
    assert config["architectures"] == [architecture]  # the model's own stays
    if model_type == "mimo_v2_flash":  # a constant of another file of the tree
        assert type(found["n_predict"]) is int


def test_a_tree_without_such_a_function_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood, match=r"speculative\.py"):
        overridden(tmp_path, {"architectures": ["CedarForCausalLM"]})
    (tmp_path / "vllm" / "config").mkdir(parents=True)
    (tmp_path / "vllm" / "config" / "speculative.py").write_text("class SpeculativeConfig:\n    pass\n")
    with pytest.raises(NotUnderstood, match=r"no SpeculativeConfig\.hf_config_override"):
        overridden(tmp_path, {"architectures": ["CedarForCausalLM"]})


def test_a_model_that_vllm_has_no_draft_for_is_said() -> None:
    tree = read_vllm_tree(engine().pristine)
    registry = {name: one for name, one in tree.registry.items() if name != "Glm4MoeMTPModel"}
    found = draft_of(looked_at(DESCRIBED)[1], replace(tree, registry=registry), None)
    assert found is not None
    assert found.why == "this vLLM makes no draft of Glm4MoeForCausalLM"


def test_check_modelslim_looks_at_the_draft() -> None:
    checkpoint, tree = looked_at(PLAIN)[1], read_vllm_tree(engine().pristine)
    found = check_modelslim(checkpoint, Model(tree, tree.registry[checkpoint.architecture]), ascend_source())
    assert found is not None
    assert {one.kind for one in found.findings} == {"draft"}
    assert len(found.findings) > 1
