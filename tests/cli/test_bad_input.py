"""Bad input: one clear message, the right exit code, and nothing written."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Desk
from tests.sampled import sampled
from tests.snapshots import snapshot

Break = Callable[[Desk, Path], tuple[str | Path, ...]]
"""Breaks something and returns further words of the call."""


def no_config(desk: Desk, checkpoint: Path) -> tuple[str, ...]:
    (checkpoint / "config.json").unlink()
    return ()


def half_a_config(desk: Desk, checkpoint: Path) -> tuple[str, ...]:
    (checkpoint / "config.json").write_text('{"architectures": [')
    return ()


def config_that_is_a_list(desk: Desk, checkpoint: Path) -> tuple[str, ...]:
    (checkpoint / "config.json").write_text("[]")
    return ()


def architecture_that_is_code(desk: Desk, checkpoint: Path) -> tuple[str, ...]:
    config = json.loads((checkpoint / "config.json").read_text())
    config["architectures"] = ['X", __import__("os").system("true"), "']
    (checkpoint / "config.json").write_text(json.dumps(config))
    return ()


def missing_shard(desk: Desk, checkpoint: Path) -> tuple[str, ...]:
    next(checkpoint.glob("*-00002-of-*.safetensors")).unlink()
    return ()


def truncated_shard(desk: Desk, checkpoint: Path) -> tuple[str, ...]:
    shard = next(checkpoint.glob("*-00001-of-*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:-100])
    return ()


def shard_that_climbs_out(desk: Desk, checkpoint: Path) -> tuple[str, ...]:
    path = checkpoint / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    index["weight_map"]["lm_head.weight"] = "../other.safetensors"
    path.write_text(json.dumps(index))
    return ()


def a_file_for_a_directory(desk: Desk, checkpoint: Path) -> tuple[str, ...]:
    shutil.rmtree(checkpoint)
    checkpoint.write_text("not a directory")
    return ()


def no_vllm_tree(desk: Desk, checkpoint: Path) -> tuple[str | Path, ...]:
    return ("--vllm", desk.work)


def no_ascend_tree(desk: Desk, checkpoint: Path) -> tuple[str | Path, ...]:
    return ("--delivery", desk.work)


def no_such_root(desk: Desk, checkpoint: Path) -> tuple[str | Path, ...]:
    return ("--vllm", desk.root / "nowhere")


def delivery_without_git(desk: Desk, checkpoint: Path) -> tuple[str, ...]:
    shutil.rmtree(desk.delivery / ".git")
    return ()


def delivery_in_a_merge(desk: Desk, checkpoint: Path) -> tuple[str, ...]:
    (desk.delivery / ".git" / "MERGE_HEAD").write_text("")
    return ()


def name_that_is_a_path(desk: Desk, checkpoint: Path) -> tuple[str, ...]:
    return ("--name", "../../elsewhere")


def patch_of_nothing(desk: Desk, checkpoint: Path) -> tuple[str, ...]:
    return ("--patch", "vllm.nowhere.Thing.forward")


def no_engine(desk: Desk, checkpoint: Path) -> tuple[str, ...]:
    return ("--validate",)


def python_without_vllm(desk: Desk, checkpoint: Path) -> tuple[str, ...]:
    return ("--python", "/usr/bin/python3")


def python_that_is_not_there(desk: Desk, checkpoint: Path) -> tuple[str | Path, ...]:
    return ("--python", desk.root / "nowhere" / "python")


def dry_run_that_commits(desk: Desk, checkpoint: Path) -> tuple[str, ...]:
    return ("--dry-run", "--commit")


def strategy_that_does_not_hold(desk: Desk, checkpoint: Path) -> tuple[str, ...]:
    return ("--strategy", "supported")


def sizes_that_are_words(desk: Desk, checkpoint: Path) -> tuple[str, ...]:
    return ("--tp", "one")


def settings_that_are_no_toml(desk: Desk, checkpoint: Path) -> tuple[str, ...]:
    (desk.work / "scaffold.toml").write_text("[[[")
    return ()


CASES: tuple[tuple[Break, int, tuple[str, ...]], ...] = (
    (no_config, 2, ("config.json", "no file config.json")),
    (half_a_config, 2, ("config.json", "invalid JSON")),
    (config_that_is_a_list, 2, ("config.json", "a JSON list")),
    (architecture_that_is_code, 2, ("architectures[0]", "a Python class name")),
    (missing_shard, 2, ("no file model-00002-of-00002.safetensors", "model.safetensors.index.json")),
    (truncated_shard, 2, ("model-00001-of-00002.safetensors", "truncated")),
    (shard_that_climbs_out, 2, ("../other.safetensors", "lm_head.weight")),
    (a_file_for_a_directory, 2, ("a file", "a checkpoint directory")),
    (no_vllm_tree, 2, ("no vLLM source tree", "registry.py")),
    (no_ascend_tree, 2, ("no vllm-ascend source tree",)),
    (no_such_root, 2, ("not a directory", "--vllm")),
    (delivery_without_git, 2, ("no git repo",)),
    (delivery_in_a_merge, 2, ("MERGE_HEAD: an operation under way",)),
    (name_that_is_a_path, 2, ("../../elsewhere",)),
    (patch_of_nothing, 2, ("vllm.nowhere.Thing.forward",)),
    (no_engine, 3, ("no engine", "--python")),
    (python_without_vllm, 3, ("no vLLM", "/usr/bin/python3")),
    (python_that_is_not_there, 3, ("does not start",)),
    (dry_run_that_commits, 2, ("--dry-run",)),
    (strategy_that_does_not_hold, 1, ("NovaForCausalLM is not in the registry",)),
    (sizes_that_are_words, 2, ("--tp", "one")),
    (settings_that_are_no_toml, 2, ("scaffold.toml", "TOML")),
)


@pytest.mark.parametrize(("breaks", "code", "says"), sampled(CASES, every=2), ids=[case[0].__name__ for case in CASES])
def test_one_message_one_code_nothing_written(
    desk: Desk, nova: Path, breaks: Break, code: int, says: tuple[str, ...]
) -> None:
    words = breaks(desk, nova)
    before = snapshot(desk.root, without=".git")
    answer = desk.new_model(nova, *words)
    assert answer.code == code, answer.stderr
    assert answer.stderr.count("error: ") == 1
    assert "expected:" in answer.stderr
    assert "remedy:" in answer.stderr
    for text in says:
        assert text in answer.stderr
    assert snapshot(desk.root, without=".git") == before


def test_a_port_in_use_is_known_before_anything_is_written(desk: Desk, nova: Path, fake_engine: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        before = snapshot(desk.root)
        answer = desk.new_model(nova, "--validate", "--python", fake_engine, "--port", str(port))
    assert answer.code == 2
    assert f"port {port}: a port in use" in answer.stderr
    assert snapshot(desk.root) == before


def test_an_environment_that_runs_another_tree_is_an_error(desk: Desk, nova: Path, fake_engine: Path) -> None:
    other = desk.root / "other"
    shutil.copytree(desk.vllm, other, symlinks=True)
    before = snapshot(desk.root)
    answer = desk.call("new-model", nova, "--vllm", other, "--delivery", desk.delivery, "--python", fake_engine)
    assert answer.code == 2
    assert f"vllm.__file__ is {desk.vllm / 'vllm' / '__init__.py'}" in answer.stderr
    assert snapshot(desk.root) == before


def test_an_error_is_a_json_document_too(desk: Desk, nova: Path) -> None:
    answer = desk.new_model(nova, "--json", "--strategy", "supported")
    assert answer.code == 1
    assert answer.document["schema"] == 1
    assert answer.document["error"]["kind"] == "Refused"


def test_without_an_engine_a_model_that_brings_no_source_is_not_guessed(desk: Desk, nova: Path) -> None:
    config = json.loads((nova / "config.json").read_text())
    del config["auto_map"]
    (nova / "config.json").write_text(json.dumps(config))
    answer = desk.new_model(nova)
    assert answer.code == 3
    assert "no modeling source of NovaForCausalLM" in answer.stderr
