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
def ascend_source() -> Path:
    """The real vllm-ascend source tree, untouched."""
    from tests.lab.trees import ascend_source as fetch

    return fetch()


@pytest.fixture
def registry_tree(vllm_source: Path, tmp_path: Path) -> Path:
    """A tree with vLLM's real registry, cheap to make, that may be edited."""
    relative = Path("vllm/model_executor/models/registry.py")
    target = tmp_path / "vllm-root" / relative
    target.parent.mkdir(parents=True)
    shutil.copy(vllm_source / relative, target)
    return tmp_path / "vllm-root"


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
