"""Defaults from ``scaffold.toml``, ``[tool.scaffold]`` of ``pyproject.toml``, and ``SCAFFOLD_*``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scaffold.common.errors import UsageError

CONTAINER_ROOTS = {
    "vllm": Path("/vllm-workspace/vllm"),
    "vllm_ascend": Path("/vllm-workspace/vllm-ascend"),
    "work": Path("/workspace"),
}
"""The layout of the official image (vllm-ascend: Dockerfile)."""


def defaults(directory: Path, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return option name → value; the environment wins over the files.

    Raises:
        UsageError: a settings file is no TOML.
    """
    found: dict[str, Any] = {}
    project = directory / "pyproject.toml"
    if project.is_file():
        found |= _toml(project).get("tool", {}).get("scaffold", {})
    own = directory / "scaffold.toml"
    if own.is_file():
        found |= _toml(own)
    for name, value in environment.items():
        if name.startswith("SCAFFOLD_") and name != "SCAFFOLD_CACHE":
            found[name.removeprefix("SCAFFOLD_").lower()] = value
    return {key.replace("-", "_"): value for key, value in found.items()}


def _toml(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise UsageError(
            str(error),
            where=str(path),
            expected="TOML",
            remedy="correct the file, or remove it",
        ) from error


def container_root(name: str) -> Path | None:
    """Return a root of the container's layout if it is there."""
    path = CONTAINER_ROOTS[name]
    return path if path.is_dir() else None
