"""``scaffold inspect``, called as a user would."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from scaffold.evidence.workspace import Workspace
from tests.cli.conftest import Desk
from tests.lab.checkpoints import checkpoint as lab_checkpoint

KEYS = {
    "schema", "path", "architecture", "model_type", "modalities", "digest", "facts", "disagreements",
    "disagreement_details", "holes", "notes", "parts",
    "tensors", "quantization", "modelslim", "capacity", "registry", "verification",
}  # fmt: skip


def test_the_document_is_complete_and_nothing_else_is_on_stdout(desk: Desk, nova: Path) -> None:
    answer = desk.call("inspect", nova, "--json")
    assert answer.code == 0
    assert answer.document.keys() == KEYS
    assert answer.document["schema"] == 1
    facts = {fact["name"]: fact for fact in answer.document["facts"]}
    assert len(facts) == len(answer.document["facts"])
    assert {"architecture", "attention", "data types", "quantization", "maximum length", "chat template"} <= set(facts)
    assert facts["maximum length"]["evidence"][0] == {
        "kind": "config", "where": "max_position_embeddings", "shows": "128",
    }  # fmt: skip
    assert facts["custom code"]["value"].startswith("2 Python files")
    tensors = answer.document["tensors"]
    assert tensors["count"] == sum(pattern["count"] for pattern in tensors["patterns"])
    assert tensors["bytes"] == sum(pattern["bytes"] for pattern in tensors["patterns"])


def test_capacity_is_by_the_weight_map_where_one_can_be_proved(desk: Desk, nova: Path) -> None:
    capacity = desk.call("inspect", nova, "--json").document["capacity"]
    assert capacity["basis"] == "the proved weight map"
    longest = json.loads((nova / "config.json").read_text())["max_position_embeddings"]
    assert capacity["tokens"] == longest < 2**17
    assert capacity["kv_bytes_per_token"] == 3 * 2 * 8 * 2 * 2
    weights = desk.call("weights", nova, "--json", "--tp", "1,2,4").document["bytes_per_rank"]
    assert {str(r["ranks"]): r["weights"] for r in capacity["ranks"] if r["ranks"] <= 4} == weights
    assert [node["smallest_for_load"] for node in capacity["nodes"]] == [1, 1]
    assert desk.new_model(nova).code == 0
    kept = Workspace(desk.work).account("nova")
    assert kept is not None
    assert [(row.ranks, row.weights) for row in kept.paper.rows] == [
        (row["ranks"], row["weights"]) for row in capacity["ranks"]
    ], "as the plan's report has them, those that cannot be served too"


def test_capacity_is_planned_for_the_device_and_memory_that_are_asked_for(desk: Desk, nova: Path) -> None:
    plain, small = (
        desk.call("inspect", nova, "--json", *more).document["capacity"]
        for more in ((), ("--device", "910B-32G", "--memory", "5"))
    )
    assert [node["name"] for node in plain["nodes"]] == ["Atlas 800 A2 (64G × 8)", "Atlas 800 A3 (64G × 16)"]
    assert [node["name"] for node in small["nodes"]] == ["Atlas 800 A2"]
    assert (plain["npu_bytes"], small["npu_bytes"]) == (64 * 2**30, 5 * 2**30)
    assert plain["kv_evidence"]
    assert plain["ranks"][0]["sequences"] > small["ranks"][0]["sequences"] > 0


def test_without_modeling_source_what_it_would_tell_is_a_hole(desk: Desk, nova: Path) -> None:
    config = json.loads((nova / "config.json").read_text())
    del config["auto_map"]
    (nova / "config.json").write_text(json.dumps(config))
    found = desk.call("inspect", nova, "--json").document
    assert found["holes"]
    assert found["capacity"]["basis"] == "names and shapes"
    assert "attention" not in {fact["name"] for fact in found["facts"]}


def test_source_that_the_config_names_and_nobody_downloaded_is_a_note(desk: Desk, nova: Path) -> None:
    (nova / "modeling_nova.py").unlink()
    answer = desk.call("inspect", nova, "--json")
    assert answer.code == 0
    note = "modeling_nova.py, which auto_map refers to, is not in the folder; names and shapes alone are read"
    assert note in answer.document["notes"]
    assert answer.document["holes"]
    assert f"note: {note}" in " ".join(desk.call("inspect", nova).stdout.split())


@pytest.mark.parametrize("multiplier", [None, 0.5])
def test_without_source_a_plain_family_is_read_and_one_that_is_not_plain_is_not(
    desk: Desk, tmp_path: Path, multiplier: float | None
) -> None:
    checkpoint = Path(shutil.copytree(lab_checkpoint("qwen3"), tmp_path / "plain"))
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps({**config, "residual_multiplier": multiplier}))
    found = desk.call("inspect", checkpoint, "--json").document
    facts = {fact["name"]: fact for fact in found["facts"]}
    if multiplier is None:
        assert found["holes"] == []
        assert facts["modeling source"]["value"] == "none: read from names and shapes, as a plain Qwen3"
        assert facts["q/k norm"]["value"] == "rms over each head, before the rotation"
        assert {e["kind"] for fact in found["facts"] for e in fact["evidence"]} <= {"config", "tensor", "file"}
        assert found["capacity"]["basis"] == "the proved weight map"
        assert desk.call("weights", checkpoint, "--tp", "1,2").code == 0
    else:
        assert [hole["evidence"] for hole in found["holes"]] == ["config.json, residual_multiplier"]
        assert not {"attention", "modeling source"} & set(facts)
        assert found["capacity"]["basis"] == "names and shapes"
        assert desk.call("weights", checkpoint, "--tp", "1,2").code == 1


def test_tables_are_compact_and_have_evidence_with_v(desk: Desk, nova: Path) -> None:
    plain, verbose = (desk.call("inspect", nova, *more).stdout for more in ((), ("-v",)))
    assert "evidence" not in plain
    for text in (
        "maximum length",
        "Capacity",
        "KV cache: 192 B per token = 3 layers × 2 × 8 × 2 (K, V) × 2 B",
        "Atlas 800 A2",
    ):
        assert text in plain
        assert text in verbose
    assert "max_position_embeddings (128)" in verbose
    assert "assumed:" in verbose
    assert max(map(len, plain.splitlines())) <= 150
    assert desk.call("inspect", nova, "-q").stdout == ""


def test_registry_facts_of_a_tree(desk: Desk, nova: Path) -> None:
    registry = desk.call("inspect", nova, "--json", "--vllm", desk.vllm).document["registry"]
    assert (registry["registered"], registry["how"]) == (False, "not registered")
    answer = desk.call("inspect", nova, "--vllm", desk.work)
    assert answer.code == 2
    assert "no vLLM source tree" in answer.stderr


def test_a_method_that_a_tree_does_not_have_is_a_note(desk: Desk, nova: Path) -> None:
    layers = desk.vllm / "vllm/model_executor/layers"
    layers.unlink()  # it is a link to the real tree
    methods = layers / "quantization" / "__init__.py"
    methods.parent.mkdir(parents=True)
    methods.write_text('QuantizationMethods = Literal["fp8", "awq"]\n')
    config = json.loads((nova / "config.json").read_text())
    (nova / "config.json").write_text(json.dumps({**config, "quantization_config": {"quant_method": "aqlm"}}))
    notes = desk.call("inspect", nova, "--json", "--vllm", desk.vllm).document["notes"]
    assert "the weights are quantised by 'aqlm', and this vLLM has no such method: it knows fp8, awq" in notes


def damage(nova: Path, value: float) -> str:
    """Put a number into one tensor; return the shard."""
    path = sorted(nova.glob("*.safetensors"))[0]
    tensors = load_file(path)
    name = sorted(tensors)[0]
    tensors[name].reshape(-1)[5] = value
    save_file(tensors, path)
    return path.name


def test_verify_says_no_to_a_nan(desk: Desk, nova: Path) -> None:
    assert desk.call("inspect", nova, "--verify").code == 0
    shard = damage(nova, np.nan)
    answer = desk.call("inspect", nova, "--verify", "--json")
    assert answer.code == 1
    (finding,) = answer.document["verification"]["findings"]
    assert (finding["kind"], finding["shard"], finding["index"], finding["damage"]) == ("NaN", shard, 5, True)
    assert "NaN" in desk.call("inspect", nova, "--verify").stdout
    assert desk.call("inspect", nova, "--json").document["verification"] is None


def test_what_is_suspicious_is_shown_and_is_no_damage(desk: Desk, nova: Path) -> None:
    damage(nova, 1e20)
    answer = desk.call("inspect", nova, "--verify")
    assert answer.code == 0
    assert "0 damaged, 1 suspicious" in answer.stdout


def test_sums_that_differ_say_no(desk: Desk, nova: Path) -> None:
    shard = sorted(nova.glob("*.safetensors"))[0].name
    (nova / "SHA256SUMS").write_text(f"{'0' * 64}  {shard}\n")
    answer = desk.call("inspect", nova, "--verify", "--sums")
    assert answer.code == 1
    assert f"wrong sum: {shard}" in answer.stdout
    assert "2 sums, 1 compared" in answer.stdout


@pytest.mark.parametrize("name", ["\x1b[2Jx", "[red]x[/red]", "a\nb"])
def test_what_a_terminal_would_act_on_is_shown_escaped(desk: Desk, nova: Path, name: str) -> None:
    path = sorted(nova.glob("*.safetensors"))[0]
    tensors = load_file(path) | {name: np.full(2, np.nan, np.float32)}
    save_file(tensors, path)
    (nova / "model.safetensors.index.json").unlink()
    answer = desk.call("inspect", nova, "--verify", "-v")
    assert answer.code == 1
    assert answer.stdout.replace("\n", "").isprintable()
    assert "NaN" in answer.stdout
