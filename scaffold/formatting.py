"""Generated Python in the target tree's own style, by the target tree's own ``ruff`` settings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scaffold.errors import EnvironmentLacks

DEFAULTS = ("--line-length", "88")
"""vLLM's line length, for a tree without ``pyproject.toml`` (a wheel's)."""


def format_python(text: str, path: Path) -> str:
    """Sort imports and lay out the code as ``ruff`` would if the file lay at ``path``.

    Raises:
        EnvironmentLacks: ruff is not installed, or does not take the text.
    """
    settings = () if _has_settings(path) else DEFAULTS
    imports = ("check", "--select", "I,F401", "--fix-only", "--fix", "--exit-zero", "--quiet")
    for arguments in (imports, ("format", "--quiet")):
        text = _ruff([*arguments, *settings, "--no-cache", "--stdin-filename", str(path), "-"], text, path)
    return text


def _has_settings(path: Path) -> bool:
    return any((parent / "pyproject.toml").is_file() for parent in path.parents)


def _ruff(arguments: list[str], text: str, path: Path) -> str:
    directory = next(parent for parent in path.parents if parent.is_dir())
    result = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments],
        input=text,
        capture_output=True,
        text=True,
        cwd=directory,
        check=False,
    )
    if result.returncode != 0:
        raise EnvironmentLacks(
            f"ruff ended with {result.returncode}: {result.stderr.strip()[:400]}",
            where=str(path),
            expected="Python that ruff can lay out",
            remedy="install ruff beside scaffold; if it is there, this is a fault of scaffold's template",
        )
    return result.stdout
