"""Real source trees, given by environment variables until the shared fixtures provide them."""

import os
from pathlib import Path

import pytest


def _tree(variable: str, inside: str) -> Path:
    path = Path(os.environ.get(variable, ""))
    if not (path / inside).is_file():
        pytest.fail(f"set {variable} to a directory that has {inside}")
    return path


@pytest.fixture(scope="session")
def vllm_source() -> Path:
    return _tree("SCAFFOLD_TEST_VLLM", "vllm/model_executor/models/registry.py")


@pytest.fixture(scope="session")
def ascend_source() -> Path:
    return _tree("SCAFFOLD_TEST_ASCEND", "vllm_ascend/patch/__init__.py")
