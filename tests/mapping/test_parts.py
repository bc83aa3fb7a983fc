"""The parts around a text decoder: found by the names of tensors, each with a reason why it is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from scaffold.checkpoint.read import read_checkpoint
from scaffold.mapping.parts import NO_DRAFTS, NOT_READ, other_parts, part_rules
from scaffold.reading.from_source import read_from_source
from scaffold.spec.parts import DRAFT_HEAD, PROJECTOR, TOWER
from scaffold.weights import Scope, WeightMap
from scaffold.weights.emit import loading

PLAIN = ["model.embed_tokens.weight", "model.layers.0.mlp.up_proj.weight", "lm_head.weight"]


def write(directory: Path, names: list[str], **config: Any) -> Path:
    tensors = {name: np.zeros((2, 3), dtype=np.float32) for name in names}
    save_file(tensors, directory / "model.safetensors")
    values = {"architectures": ["AnyForCausalLM"], "model_type": "any", **config}
    (directory / "config.json").write_text(json.dumps(values))
    return directory


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], []),
        (["model.layers.0.mtp_gate.weight", "model.merger_of_names.weight"], []),
        (
            ["vision_tower.blocks.0.attn.q.weight", "vision_tower.norm.weight", "multi_modal_projector.up.weight"],
            [(PROJECTOR, "multi_modal_projector", 1), (TOWER, "vision_tower", 2)],
        ),
        (["model.visual.merger.weight", "model.visual.blocks.1.weight"], [(TOWER, "model.visual", 2)]),
        (
            ["model.layers.1.eh_proj.weight", "model.layers.1.enorm.weight", "model.layers.1.mlp.up_proj.weight"],
            [(DRAFT_HEAD, "model.layers.1", 3)],
        ),
        (["mtp.layers.0.q.weight", "mtp.fc.weight"], [(DRAFT_HEAD, "mtp", 2)]),
        (["model.mtp_layers.0.q.weight"], [(DRAFT_HEAD, "model.mtp_layers", 1)]),
        (
            ["model.mtp_block.0.mlp.up_proj.weight", "model.mtp_emb_norm.0.weight", "model.mtp_linear_proj.0.weight"],
            [
                (DRAFT_HEAD, "model.mtp_block", 1),
                (DRAFT_HEAD, "model.mtp_emb_norm", 1),
                (DRAFT_HEAD, "model.mtp_linear_proj", 1),
            ],
        ),
    ],
    ids=[
        "none",
        "words inside of words",
        "tower and projector",
        "a projector in a tower",
        "DeepSeek's",
        "Qwen's",
        "MiMo's",
        "Ernie's",
    ],
)
def test_parts_are_found_by_the_names_of_their_tensors(
    tmp_path: Path, names: list[str], found: list[tuple[str, str, int]]
) -> None:
    parts = other_parts(read_checkpoint(write(tmp_path, [*PLAIN, *names])))
    assert [(part.kind, part.name, part.num_tensors) for part in parts] == found
    assert all(part.num_bytes == 24 * part.num_tensors for part in parts)
    assert all(part.left_out == (NO_DRAFTS if part.kind == DRAFT_HEAD else NOT_READ) for part in parts)


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"num_hidden_layers": 1, "num_nextn_predict_layers": 1}, ["model.layers.1"]),
        ({"num_hidden_layers": 1, "num_nextn_predict_layers": 2}, ["model.layers.1", "model.layers.2"]),
        ({"num_hidden_layers": 1}, []),  # layers that nobody promised are nobody's
        ({"num_hidden_layers": 3, "num_nextn_predict_layers": 1}, []),
    ],
)
def test_layers_behind_the_last_one_are_a_draft_head_where_the_config_promises_them(
    tmp_path: Path, config: dict[str, int], found: list[str]
) -> None:
    names = ["model.layers.1.odd_proj.weight", "model.layers.2.odd_proj.weight", "model.layers.1.mlp.up_proj.weight"]
    parts = other_parts(read_checkpoint(write(tmp_path, [*PLAIN, *names], **config)))
    assert [(part.kind, part.name) for part in parts] == [(DRAFT_HEAD, name) for name in found]


def test_a_model_has_its_text_decoder_first(tmp_path: Path) -> None:
    spec = read_from_source(read_checkpoint(write(tmp_path, [*PLAIN, "mtp.fc.weight"])), None)
    assert [part.kind for part in spec.parts] == ["text decoder", "draft head"]
    assert spec.decoder is None
    assert spec.holes == spec.text.holes != ()
    assert [fact.name for fact in spec.facts] == ["architecture", "model type"]


def test_tensors_of_a_part_are_left_out_under_its_name(tmp_path: Path) -> None:
    names = ["model.layers.1.eh_proj.weight", "model.layers.1.mlp.up_proj.weight"]
    rules = WeightMap(tuple(part_rules(other_parts(read_checkpoint(write(tmp_path, [*PLAIN, *names]))))))
    for name in names:
        (route,) = rules.routes(name)
        assert route.target == ""
        assert route.rule.reason == f"the draft head model.layers.1: {NO_DRAFTS}"
    assert rules.routes("model.layers.0.mlp.up_proj.weight") == rules.routes("model.layers.10.norm.weight") == ()


def test_an_adapter_does_not_load_a_part(tmp_path: Path) -> None:
    names = [*PLAIN, "model.layers.1.eh_proj.weight", "model.layers.1.mlp.up_proj.weight"]
    parts = part_rules(other_parts(read_checkpoint(write(tmp_path, names))))
    layer = Scope("model.layers.{layer}.", ranges={"layer": range(1)})
    rules = [layer.column("mlp.up_proj.weight", 2, 3), Scope().vocabulary("model.embed_tokens.weight", 2, 3), *parts]
    found = loading(rules, names, ("model.", "model."))
    assert found.map_name("model.layers.1.mlp.up_proj.weight") is None
    assert found.map_name("model.layers.0.mlp.up_proj.weight") == ("model.layers.0.mlp.up_proj.weight", None)
