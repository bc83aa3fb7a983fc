"""Adapters for each vLLM release in range: generated for its tree, and every import resolves there."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.placement.registration import absolute_imports
from scaffold_validators.imports import unresolved_imports
from tests.cli.conftest import Desk
from tests.lab.trees import VLLM_TREES, vllm_tree
from tests.sampled import costly, sampled


@pytest.mark.parametrize("release", sampled(VLLM_TREES))
def test_an_adapter_imports_what_the_release_has(desk: Desk, nova: Path, release: str) -> None:
    tree, output = vllm_tree(release), desk.root / "plugin"
    words = ("--placement", "plugin", "--strategy", "native", "--output", output, "--work", desk.work)
    answer = desk.call("new-model", nova, "--vllm", tree, *words)
    assert answer.code == 0, answer.stderr
    adapter = (output / "src/vllm_nova/nova.py").read_text()
    assert adapter.count("import") > 10
    assert unresolved_imports(adapter, tree) == ()


@costly
@pytest.mark.parametrize("release", VLLM_TREES)
def test_the_releases_own_models_resolve(release: str) -> None:
    tree = vllm_tree(release)
    for name in ("llama", "qwen3", "gemma2", "olmoe"):
        text = (tree / f"vllm/model_executor/models/{name}.py").read_text()
        assert unresolved_imports(absolute_imports(text), tree) == ()
