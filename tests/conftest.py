"""Fixtures: made-up checkpoints for fast tests; real engine, trees and checkpoints for the others."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from tests.models.build import write_checkpoint


@pytest.fixture
def nova(tmp_path: Path) -> Path:
    """A checkpoint of the made-up model."""
    return write_checkpoint(tmp_path / "nova")


@pytest.fixture(scope="session")
def vllm_source() -> Path:
    """The real vLLM source tree, untouched."""
    from tests.lab.engine import engine

    return engine().pristine


@pytest.fixture(scope="session")
def transformers_source() -> Path:
    """The real transformers package, to be read."""
    from tests.lab.engine import engine

    return engine().transformers


@pytest.fixture(scope="session")
def ascend_source() -> Path:
    """The real vllm-ascend source tree, untouched."""
    from tests.lab.trees import ascend_source as fetch

    return fetch()


@pytest.fixture
def registry_tree(vllm_source: Path, tmp_path: Path) -> Path:
    """A tree with vLLM's real registry and settings, cheap to make, that may be edited."""
    root = tmp_path / "vllm-root"
    for part in ("vllm/model_executor/models/registry.py", "vllm/model_executor/models/__init__.py", "pyproject.toml"):
        (root / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(vllm_source / part, root / part)
    return root


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def _delivery_template(ascend_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parts of vllm-ascend's real tree that a delivery touches, under git."""
    from tests.lab.commands import git_commit_all, run

    root = tmp_path_factory.mktemp("ascend") / "vllm-ascend"
    for part in ("docs/source/tutorials/models/index.md", "tests/e2e/models/configs", "vllm_ascend/patch"):
        source, target = ascend_source / part, root / part
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    git_commit_all(root, "vllm-ascend")
    run("git", "config", "user.name", "Test Engineer", cwd=root)
    run("git", "config", "user.email", "test@example.com", cwd=root)
    return root


@pytest.fixture
def delivery_repo(_delivery_template: Path, tmp_path: Path) -> Path:
    """A delivery repo of its own."""
    return Path(shutil.copytree(_delivery_template, tmp_path / "vllm-ascend"))
