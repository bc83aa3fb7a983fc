"""The main work, from what pip installs: as an ordinary user, outside of the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.roots.vllm_tree import REGISTRY
from tests.installed.conftest import Installation
from tests.installed.person import Answer
from tests.snapshots import snapshot

pytestmark = [pytest.mark.installed, pytest.mark.engine]

PLACEMENTS = {
    "vllm": "vllm/vllm/model_executor/models/nova.py",
    "vllm-ascend": "vllm-ascend/vllm_ascend/models/nova.py",
    "plugin": "plugin/src/vllm_nova/nova.py",
}
"""Placement → where the adapter comes to lie, from the person's folder."""


def test_it_is_the_installed_tool_that_runs(installation: Installation) -> None:
    answer = installation.python("import scaffold, codemods, scaffold_validators as v; print(scaffold.__file__)")
    assert answer.code == 0, answer.stderr
    assert Path(answer.stdout.strip()).is_relative_to(installation.environment)


def test_the_package_of_pypi_that_is_called_validators_works_beside_it(installation: Installation) -> None:
    code = "import validators, scaffold_validators.gates; assert validators.url('https://example.com')"
    assert installation.python(code) == Answer(0, "", "")


def test_the_person_has_no_rights_of_root(installation: Installation) -> None:
    answer = installation.python("open('home/file', 'w')")
    assert "PermissionError" in answer.stderr


def test_inspect_reads_every_fact(installation: Installation) -> None:
    answer = installation.scaffold("inspect", installation.checkpoint)
    assert answer.code == 0, answer.stderr
    assert answer.document["architecture"] == "NovaForCausalLM"


def test_weights_are_proved(installation: Installation) -> None:
    answer = installation.scaffold("weights", installation.checkpoint, "--tp", "1,2")
    assert answer.code == 0, answer.stderr


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_new_model_and_undo(installation: Installation, placement: str) -> None:
    trees = ("--vllm", installation.vllm, "--vllm-ascend", installation.ascend, "--work", installation.folder)
    output = ("--output", installation.folder / "plugin") if placement == "plugin" else ()
    before = snapshot(installation.vllm, installation.ascend)
    answer = installation.scaffold("new-model", installation.checkpoint, *trees, *output, "--placement", placement)
    assert answer.code == 0, answer.stderr
    assert (answer.document["placement"], answer.document["holes"]) == (placement, [])
    adapter = installation.folder / PLACEMENTS[placement]
    assert "class NovaForCausalLM" in adapter.read_text()
    undone = installation.scaffold("undo", "--work", installation.folder)
    assert undone.code == 0, undone.stderr
    assert snapshot(installation.vllm, installation.ascend) == before
    assert not adapter.exists()


def test_a_codemod_and_undo(installation: Installation) -> None:
    registry = installation.vllm / REGISTRY
    before = registry.read_text()
    arguments = ("architecture=NovaForCausalLM", "module=nova", "class_name=NovaForCausalLM")
    work = ("--work", installation.folder)
    answer = installation.scaffold("codemod", "run", "vllm-registry-entry", installation.vllm, *arguments, *work)
    assert answer.code == 0, answer.stderr
    assert '"NovaForCausalLM": ("nova", "NovaForCausalLM")' in registry.read_text()
    assert installation.scaffold("undo", *work).code == 0
    assert registry.read_text() == before
