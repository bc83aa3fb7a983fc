"""``scaffold weights`` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from tests.cli.conftest import Desk
from tests.lab.checkpoints import checkpoint
from tests.models.build import write_checkpoint
from tests.models.families import config_of, shapes_of, write
from tests.sampled import costly

RULES = """
from scaffold.weights import WeightMap
from tests.weights.by_hand import {model}


def weight_map(config):
    return {model}(config)
"""


def edit(path: Path, shard: str, drop: str) -> None:
    tensors = load_file(path / shard)
    del tensors[drop]
    save_file(tensors, path / shard)
    index = path / "model.safetensors.index.json"
    weight_map = json.loads(index.read_text())["weight_map"]
    del weight_map[drop]
    index.write_text(json.dumps({"weight_map": weight_map}))


def test_the_map_and_its_proof(desk: Desk, nova: Path) -> None:
    answer = desk.call("weights", nova, "--tp", "1,2,4")
    assert answer.code == 0
    for text in (
        "model.layers.{layer}.attention.q_proj.weight",
        "qkv_proj.weight",
        "the proof holds",
        "tensor parallel",
    ):
        assert text in "".join(answer.stdout.split("\n")) or text in answer.stdout.replace("\n", "")


def test_the_document_has_every_rule(desk: Desk, nova: Path) -> None:
    document = desk.call("weights", nova, "--tp", "1,2,4", "--json").document
    assert document["schema"] == 1
    assert document["holds"] is True
    assert document["tensors"] == document["routed"] == sum(rule["tensors"] for rule in document["rules"])
    assert document["findings"] == document["unrouted"] == []
    total = sum(rule["bytes"] for rule in document["rules"])
    assert document["bytes_per_rank"]["1"] == total
    # vocabulary, heads and inner sizes are shared; four ranks hold two copies of each KV head
    assert document["bytes_per_rank"]["1"] > document["bytes_per_rank"]["2"] > document["bytes_per_rank"]["4"]
    key = next(rule for rule in document["rules"] if rule["source"].endswith("k_proj.weight"))
    assert key == {
        "source": "model.layers.{layer}.attention.k_proj.weight",
        "target": "model.layers.{layer}.attention.qkv_proj.weight",
        "ranges": {"layer": [0, 3]},
        "shape": [16, 48],
        "axis": 0,
        "parts": [{"shard": "k", "size": 16, "split": "KV heads, 2"}],
        "transform": "",
        "scale": None,
        "tensors": 3,
        "bytes": 3 * 16 * 48 * 4,
        "required": True,
        "reason": "",
    }


def test_a_proof_that_fails_is_exit_code_1(desk: Desk, nova: Path) -> None:
    answer = desk.call("weights", nova, "--tp", "3,16", "--json")
    assert answer.code == 1
    assert answer.document["holds"] is False
    assert {finding["ranks"] for finding in answer.document["findings"]} == {3, 16}
    assert all(finding["rule"] and finding["mends"] for finding in answer.document["findings"])


def test_a_tensor_that_is_missing_is_named(desk: Desk, tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "nova", num_shards=1)
    edit(path, "model-00001-of-00001.safetensors", "model.layers.1.ffn.up_proj.weight")
    rules = tmp_path / "rules.py"
    desk.call("weights", write_checkpoint(tmp_path / "whole"), "--emit", rules, "-q")
    answer = desk.call("weights", path, "--rules", rules, "--json")
    assert answer.code == 1
    (finding,) = answer.document["findings"]
    assert finding["kind"] == "missing"
    assert finding["tensors"] == ["model.layers.1.ffn.up_proj.weight"]


def test_own_rules(desk: Desk, tmp_path: Path) -> None:
    rules = tmp_path / "rules.py"
    rules.write_text(RULES.format(model="mixtral"))
    answer = desk.call("weights", checkpoint("mixtral"), "--rules", rules, "--tp", "1,2", "--json")
    assert answer.code == 0, answer.document
    assert answer.document["routed"] == answer.document["tensors"] > 0


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, "no such file"),
        ("x = 1", "no function weight_map(config)"),
        ("def weight_map(config): return []", "no function weight_map(config)"),
        ("def weight_map(config): return config['no_such_key']", "KeyError"),
        ("def weight_map(", "SyntaxError"),
    ],
)
def test_rules_that_are_none_are_an_error(desk: Desk, nova: Path, tmp_path: Path, text: str | None, found: str) -> None:
    rules = tmp_path / "rules.py"
    if text is not None:
        rules.write_text(text)
    answer = desk.call("weights", nova, "--rules", rules, "--json")
    assert answer.code == 2
    assert found in answer.document["error"]["found"]


def test_sizes_that_are_none_are_an_error(desk: Desk, nova: Path) -> None:
    assert desk.call("weights", nova, "--tp", "1,two").code == 2
    assert desk.call("weights", nova, "--tp", "0").code == 2


def test_an_existing_model_file(desk: Desk, vllm_source: Path) -> None:
    file = vllm_source / "vllm/model_executor/models/qwen3.py"
    answer = desk.call("weights", checkpoint("qwen3"), "--adapter", file, "--json")
    assert answer.code == 0
    assert answer.document["fits"] is True
    assert answer.document["taken"] == answer.document["tensors"]
    answer = desk.call("weights", checkpoint("phi3"), "--adapter", file, "--json")
    assert answer.code == 2
    assert answer.document["error"]["found"] == "no class for Phi3ForCausalLM"


def test_a_config_that_the_file_refuses(desk: Desk, vllm_source: Path, tmp_path: Path) -> None:
    path = write(tmp_path, config_of("qwen3", hidden_act="gelu"), shapes_of("qwen3"))
    answer = desk.call("weights", path, "--adapter", vllm_source / "vllm/model_executor/models/qwen3.py", "--json")
    assert (answer.code, answer.document["fits"]) == (1, False)
    assert answer.document["faults"][0].startswith("qwen2.py:")
    assert "raises ValueError" in answer.document["faults"][0]


def test_a_shape_that_the_file_does_not_ask_for(desk: Desk, vllm_source: Path, tmp_path: Path) -> None:
    shapes = shapes_of("qwen3")
    norm = "model.layers.0.self_attn.q_norm.weight"
    file = vllm_source / "vllm/model_executor/models/qwen3.py"
    path = write(tmp_path / "wide", config_of("qwen3"), shapes | {norm: (2 * shapes[norm][0],)})
    answer = desk.call("weights", path, "--adapter", file, "--json")
    assert (answer.code, answer.document["fits"]) == (1, False)
    (found,) = answer.document["misshapen"]
    assert (found["tensor"], found["shape"], found["asked"]) == (norm, [2 * shapes[norm][0]], list(shapes[norm]))
    assert f"[{shapes[norm][0]}]" in answer.stderr


def test_a_number_of_ranks_that_the_file_cannot_share(desk: Desk, vllm_source: Path, tmp_path: Path) -> None:
    file = vllm_source / "vllm/model_executor/models/qwen3.py"
    path = write(tmp_path, config_of("qwen3"), shapes_of("qwen3"))
    answer = desk.call("weights", path, "--adapter", file, "--json")
    assert (answer.code, "3" in answer.document["cannot_be_shared"]) == (0, False)
    answer = desk.call("weights", path, "--adapter", file, "--tp", "1,3", "--json")
    assert (answer.code, list(answer.document["cannot_be_shared"])) == (1, ["3"])
    assert any("ranks" in why for why in answer.document["cannot_be_shared"]["3"])


def test_what_the_file_leaves_out_without_a_word(desk: Desk, vllm_source: Path, tmp_path: Path) -> None:
    file = vllm_source / "vllm/model_executor/models/qwen3.py"
    bias = "model.layers.0.self_attn.q_proj.bias"
    wide = shapes_of("qwen3")["model.layers.0.self_attn.q_proj.weight"][0]
    path = write(tmp_path, config_of("qwen3"), shapes_of("qwen3") | {bias: (wide,)})
    answer = desk.call("weights", path, "--adapter", file, "--json")
    assert (answer.code, answer.document["lost"]) == (1, [bias])


def test_the_rules_can_be_written_to_a_file_once(desk: Desk, nova: Path, tmp_path: Path) -> None:
    file = tmp_path / "test_nova_weights.py"
    assert desk.call("weights", nova, "--emit", file).code == 0
    before = file.read_text()
    answer = desk.call("weights", nova, "--emit", file, "--json")
    assert answer.code == 2
    assert answer.document["error"]["found"] == "it is there already"
    assert file.read_text() == before


def test_a_generated_model_comes_with_its_test_file(desk: Desk, nova: Path) -> None:
    answer = desk.new_model(nova, "--json")
    assert answer.code == 0, answer.stderr
    file = Path(answer.document["weights_test"])
    assert file == desk.work / ".scaffold" / "nova" / "test_nova_weights.py"
    assert str(file) not in {entry["path"] for entry in answer.document["files"]}
    assert "layer.qkv(" in file.read_text()
    assert desk.call("weights", nova, "--rules", file).code == 0


@costly
def test_an_edited_test_file_is_kept(desk: Desk, nova: Path) -> None:
    file = Path(desk.new_model(nova, "--json").document["weights_test"])
    file.write_text("# mine\n")
    answer = desk.new_model(nova)
    assert answer.code == 0
    assert file.read_text() == "# mine\n"
    assert "left as it was" in answer.stdout


def test_a_dry_run_writes_no_test_file(desk: Desk, nova: Path) -> None:
    assert desk.new_model(nova, "--dry-run").code == 0
    assert list(desk.work.iterdir()) == []
