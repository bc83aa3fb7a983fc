"""Somebody who uses the installed tool: without the rights of root, with a read-only home or none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.lab.pythons import interpreters

STRANGER = 54321
"""A user and group of which /etc/passwd knows nothing, as in a container that was started with ``--user``."""
PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Answer:
    """How a command ended, and what it said."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """Return the JSON document on stdout."""
        found: dict[str, Any] = json.loads(self.stdout)
        return found


def as_person(*command: str | Path, cwd: Path, env: Mapping[str, str]) -> Answer:
    """Run a command without the rights of root, and with nothing of our own environment.

    Root gives its rights away; whoever is no root already runs it as themselves.
    """
    who = {"user": STRANGER, "group": STRANGER, "extra_groups": []} if os.geteuid() == 0 else {}
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=cwd,
        env={"PATH": PATH, **env},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        **who,  # type: ignore[arg-type]
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def give(folder: Path) -> None:
    """Let the person own a folder and all that is in it."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, STRANGER, STRANGER, follow_symlinks=False)


@cache
def python_for_all() -> Path:
    """Return an interpreter that the person can start: root's own ones may lie in a home that is closed to others.

    Raises:
        LookupError: the machine has none.
    """
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    own = {ours: Path(sys.executable).resolve()}
    system = {path.name: path for path in sorted(Path("/usr/bin").glob("python3.1?"))}
    for path in (*own.values(), *interpreters().values(), *system.values()):
        try:
            answer = as_person(path, "-c", "import venv", cwd=Path("/"), env={})
        except PermissionError:
            continue
        if answer.code == 0:
            return path
    raise LookupError("no Python that ordinary users may start: install one outside of root's home, as python3.11")
