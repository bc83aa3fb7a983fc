"""Commands that set things up; what they print is shown only if they fail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


class SetupError(RuntimeError):
    """A set-up command failed; the message has its last lines."""


def run(*arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a command and return what it printed.

    Raises:
        SetupError: it ended with another code than 0.
    """
    result = subprocess.run(
        [str(a) for a in arguments],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        shown = " ".join(str(a) for a in arguments)
        raise SetupError(f"{shown}\nended with {result.returncode}:\n{result.stdout[-3000:]}")
    return result.stdout


BUILD_TOOLS = (
    "setuptools",
    "setuptools-scm",
    "setuptools-rust",
    "cmake",
    "wheel",
    "ninja",
    "packaging",
    "jinja2",
)
"""pip asks a source distribution for its metadata before it hands it over; these are what that takes."""


def build_environment(scratch: Path, packages: Path | None = None) -> Path:
    """Make an environment with build tools, and with the packages of another one if given.

    Returns:
        Its Python.
    """
    run(sys.executable, "-m", "venv", scratch / "venv")
    python = scratch / "venv" / "bin" / "python"
    run(python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--upgrade", *BUILD_TOOLS)
    if packages is not None:
        (own,) = (scratch / "venv" / "lib").glob("python3.*/site-packages")
        (own / "packages.pth").write_text(f"{packages}\n")
    return python


def git_commit_all(directory: Path, message: str) -> None:
    """Make a directory a git repository with one commit of everything that its ``.gitignore`` leaves in."""
    identity = ("-c", "user.name=Tree Keeper", "-c", "user.email=trees@example.com")
    run("git", "init", "-q", "-b", "main", "--template=", cwd=directory)  # no sample hooks
    run("git", "add", "-A", cwd=directory)
    run("git", *identity, "-c", "commit.gpgsign=false", "commit", "-qm", message, cwd=directory)
