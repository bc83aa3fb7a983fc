"""Generated Python in the target tree's own style, by the target tree's own ``ruff`` settings."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

from scaffold.common.errors import EnvironmentLacks

DEFAULTS = ("--line-length", "88")
"""vLLM's line length, for a tree without ``pyproject.toml`` (a wheel's)."""


def format_python(text: str, root: Path, path: Path) -> str:
    """Sort imports and lay out the code as ``ruff`` would if the file lay at ``path`` below ``root``.

    Raises:
        EnvironmentLacks: ruff is not installed, or does not take the text, or a name in it is defined nowhere.
    """
    settings = () if (root / "pyproject.toml").is_file() else DEFAULTS
    imports = ("check", "--select", "I,F401,F821", "--fix", "--output-format", "concise", "--quiet")
    for arguments in (imports, ("format", "--quiet")):
        text = _ruff([*arguments, *settings, "--no-cache", "--stdin-filename", path.as_posix(), "-"], text, root)
    return text


def tidy(text: str) -> str:
    """Return the text without runs of blank lines and blanks at line ends, which templates leave behind."""
    lines: list[str] = []
    for line in (line.rstrip() for line in text.strip().splitlines()):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines) + "\n"


def _ruff(arguments: list[str], text: str, root: Path) -> str:
    result = subprocess.run(
        [_binary(), *arguments],
        input=text,
        capture_output=True,
        text=True,
        cwd=root,
        check=False,
    )
    if result.returncode != 0:
        raise EnvironmentLacks(
            f"ruff ended with {result.returncode}: {result.stderr.strip()[:400]}",
            where=str(root),
            expected="Python that ruff can lay out",
            remedy="install ruff in scaffold's environment; if it is there, this is a fault of scaffold's template",
        )
    return result.stdout


@cache
def _binary() -> str:
    """Return the program itself: ``python -m ruff`` would start a Python each time only to find it.

    Raises:
        EnvironmentLacks: there is none.
    """
    try:
        from ruff.__main__ import find_ruff_bin

        return str(find_ruff_bin())
    except (ImportError, FileNotFoundError) as error:
        raise EnvironmentLacks(
            f"no ruff ({error})",
            where=sys.executable,
            expected="ruff in the environment of scaffold",
            remedy="pip install ruff",
        ) from error
