"""A plugin in a real vLLM: its entry point, its twin, and faults that the twin finds and places."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.running.twin import prove_plugin
from scaffold_validators.engine import probe
from scaffold_validators.outcome import Outcome
from scaffold_validators.twin.workers import Warm
from tests.bench.coverage.environment import environment
from tests.bench.coverage.rows import make_rows, rows
from tests.bench.faults import FAULTS, Fault, call, make_plugin, planted, twin
from tests.lab.commands import run
from tests.lab.engine import engine, environment_for
from tests.models.build import write_checkpoint

pytestmark = pytest.mark.engine

COMMAND = "rotation of the other style"
"""Of which ``scaffold twin`` itself is asked; of the others what it runs, in forks of one process with vLLM."""
FOUND = {
    "rotation of the other style": "model.layers.0 self_attn",
    "a layer left out": "which never ran",
    "the router's correction ignored": "model.layers.0 mlp",
    "no norm on q": "model.layers.0 self_attn",
}
"""Fault → where the twin says that the adapter parts from transformers."""


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Row → the plugin's folder, and what ``new-model --twin`` said of it."""
    folder = tmp_path_factory.mktemp("plugins")
    names = {fault.row for fault in FAULTS if fault.name in FOUND}
    make_rows([rows()[name] for name in names])
    made = {name: folder / name / "plugin" for name in sorted(names)}
    return {name: (path, make_plugin(name, environment(), path)) for name, path in made.items()}


def test_the_twin_says_right_of_what_is_right(plugins: dict[str, Any]) -> None:
    for path, document in plugins.values():
        assert document["code"] == 0, document["said"]
        assert document["twin"]["outcome"] == "passed"
        assert document["twin"]["numbers"]["tensors_the_twin_lacks"] == []
        assert path.is_dir()


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    with Warm(probe(environment().python)) as workers:
        yield workers


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.name in FOUND and f.name != COMMAND], ids=lambda f: f.name)
def test_the_twin_says_wrong_of_a_fault_and_where(plugins: dict[str, Any], fault: Fault, warm: Warm) -> None:
    plugin, _ = plugins[fault.row]
    checkpoint = read_checkpoint(rows()[fault.row].checkpoint)
    with planted(fault, plugin):
        verdict = prove_plugin(checkpoint, plugin, warm.engine, plugin.parent / "twin.log", False, warm)
    assert verdict.outcome is Outcome.WRONG_OUTPUT
    assert verdict.reason.startswith("wrong: ")
    assert FOUND[fault.name] in verdict.reason


def test_the_command_says_so_too(plugins: dict[str, Any]) -> None:
    (fault,) = (fault for fault in FAULTS if fault.name == COMMAND)
    plugin, _ = plugins[fault.row]
    with planted(fault, plugin):
        verdict = twin(fault.row, environment(), plugin)
    assert verdict["outcome"] == "failed"
    assert verdict["reason"].startswith("wrong: ")
    assert FOUND[COMMAND] in verdict["reason"]


def test_the_entry_point_registers_in_a_real_vllm(plugins: dict[str, Any], tmp_path: Path) -> None:
    plugin, _ = plugins["helium"]
    made = engine()
    python = environment_for(made, made.pristine, tmp_path / "venv")
    packages = tmp_path / "venv" / made.site_packages.relative_to(made.root / "venv")
    pip = (made.python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps")
    run(*pip, "--no-build-isolation", "--no-index", "--target", packages, shutil.copytree(plugin, tmp_path / "copy"))
    code = (
        "from vllm.plugins import load_general_plugins; load_general_plugins()\n"
        "from vllm import ModelRegistry\n"
        "print(ModelRegistry.models['HeliumForCausalLM'].load_model_cls())"
    )
    assert "vllm_helium.helium.HeliumForCausalLM" in run(python, "-c", code, env={"VLLM_PLUGINS": "vllm_helium"})


def test_remote_code_runs_in_the_twin_only_if_trusted(tmp_path: Path) -> None:
    nova = write_checkpoint(tmp_path / "nova", head_dim=32)  # the CPU kernels take no smaller heads
    words = ("--strategy", "native", "--placement", "plugin", "--output", str(tmp_path / "plugin"))
    ask = ("new-model", str(nova), *words, "--work", str(tmp_path), "--python", str(environment().python), "--twin")
    refused = call(*ask)
    assert refused["code"] == 3
    assert "--trust-remote-code" in refused["error"]["remedy"]
    assert not (tmp_path / "plugin").exists()
    trusted = call(*ask, "--trust-remote-code")
    assert trusted["code"] == 0, trusted["said"]
    assert trusted["twin"]["outcome"] == "passed"
