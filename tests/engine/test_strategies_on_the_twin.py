"""Every strategy is proved on the twin: vLLM's own implementation, the backend, and what ``auto`` goes on to."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bench.coverage.environment import environment
from tests.bench.coverage.rows import make_rows, rows
from tests.bench.faults import call
from tests.lab.checkpoints import checkpoint
from tests.lab.engine import engine

pytestmark = pytest.mark.engine


def auto(name: str, folder: Path) -> dict[str, Any]:
    """Plan a row by ``auto``, proved on the twin; nothing is written."""
    make_rows([rows()[name]])
    return plan(rows()[name].checkpoint, folder)


def plan(path: Path, folder: Path) -> dict[str, Any]:
    """Plan a checkpoint by ``auto``, proved on the twin; nothing is written."""
    words = ("--twin", "--dry-run", "--placement", "plugin", "--output", str(folder / "plugin"), "--work", str(folder))
    return call("new-model", str(path), *words, "--python", str(environment().python))


def renamed_copy(source: Path, destination: Path, new: Callable[[str], str]) -> None:
    """Copy a checkpoint, its tensors under other names."""
    shutil.copytree(source, destination)
    for path in destination.glob("*.safetensors"):
        content = path.read_bytes()
        end = 8 + int.from_bytes(content[:8], "little")
        header = {
            name if name == "__metadata__" else new(name): value for name, value in json.loads(content[8:end]).items()
        }
        described = json.dumps(header).encode()
        path.write_bytes(len(described).to_bytes(8, "little") + described + content[end:])
    for path in destination.glob("*.safetensors.index.json"):
        index = json.loads(path.read_text())
        index["weight_map"] = {new(name): file for name, file in index["weight_map"].items()}
        path.write_text(json.dumps(index))


def test_an_own_implementation_that_is_wrong_is_passed_over_with_its_reason(tmp_path: Path) -> None:
    """vLLM 0.32's Apertus takes the weights, and answers otherwise than transformers from the first MLP on."""
    document = auto("apertus", tmp_path)
    assert document["code"] == 0, document["said"]
    own, *_, last = document["twins"]
    assert (own["strategy"], own["kind"]) == ("supported", "wrong-output")
    assert "parts from transformers at model.layers.0" in own["reason"]
    assert "mlp" in own["reason"]
    assert own["numbers"].get("agrees_without_kernels") is None
    assert last["kind"] == "passed"
    assert document["strategy"] == last["strategy"] != "supported"
    assert any("the twin showed it" in line for line in document["why"])


def test_biases_that_an_own_implementation_drops_are_found_before_anything_is_served(tmp_path: Path) -> None:
    """vLLM 0.32's Ernie 4.5 has no biases; with ``use_bias`` the model has them."""
    document = auto("ernie4_5", tmp_path)
    assert document["code"] == 0, document["said"]
    assert "down_proj.bias" in document["why"][0]
    assert [(twin["strategy"], twin["kind"]) for twin in document["twins"]] == [("native", "passed")]


def test_a_kernel_that_was_stood_in_for_is_said_with_a_right_answer(tmp_path: Path) -> None:
    """The CPU's router passes over the correction bias of Ernie 4.5's experts."""
    document = auto("ernie4_5_moe", tmp_path)
    assert document["code"] == 0, document["said"]
    assert document["strategy"] == document["twins"][0]["strategy"] == "supported"
    assert [shim["name"] for shim in document["twin"]["numbers"]["shims"]] == ["cpu-router"]
    assert "passes over a correction bias" in document["twin"]["reason"]


def test_names_that_begin_otherwise_are_mapped_and_served(tmp_path: Path) -> None:
    """A decoder that was saved without its head's ``model.``: the registered class serves it with a mapper in front."""
    plain = tmp_path / "plain"
    renamed_copy(checkpoint("qwen3"), plain, lambda name: name.removeprefix("model."))
    document = plan(plain, tmp_path)
    assert document["code"] == 0, document["said"]
    assert (document["strategy"], document["twin"]["kind"]) == ("mapped", "passed")
    assert document["twin"]["numbers"]["tensors_the_twin_lacks"] == []


def test_a_survey_says_which_of_the_trees_own_are_right(tmp_path: Path) -> None:
    words = ("survey", "--vllm", str(engine().pristine), "--python", str(environment().python), "--work", str(tmp_path))
    table = tmp_path / "table.md"
    document = call(*words, "--only", "qwen3", "--output", str(table))
    assert document["code"] == 0, document["said"]
    (row,) = document["survey"]
    assert (row["architecture"], row["outcome"]) == ("Qwen3ForCausalLM", "right")
    assert "| Qwen3ForCausalLM | qwen3.Qwen3ForCausalLM | right |" in table.read_text()
    again = call(*words, "--only", "qwen3")
    assert again["survey"] == document["survey"]
    assert "1 of 1" not in again["said"]


def test_what_float32_cannot_tell_is_not_called_wrong(tmp_path: Path) -> None:
    """Granite's default config does not scale scores down: with large weights rounding alone makes a difference."""
    words = ("survey", "--vllm", str(engine().pristine), "--python", str(environment().python), "--work", str(tmp_path))
    (row,) = call(*words, "--only", "granitemoe")["survey"]
    assert (row["architecture"], row["outcome"]) == ("GraniteMoeForCausalLM", "right")
