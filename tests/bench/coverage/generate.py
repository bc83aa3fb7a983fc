"""Runs ``scaffold new-model --strategy native --placement plugin`` and ``scaffold weights`` for one row."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.coverage.environment import Environment
from tests.bench.coverage.rows import Row

SCAFFOLD = Path(sys.executable).parent / "scaffold"
LIMIT = 300
RANKS = "1,2,4"


@dataclass(frozen=True)
class Generated:
    """What the tool made of a checkpoint.

    Attributes:
        seconds: from the call to its end, Python's start included.
        plugin: the package's folder, if there is one.
        proved: whether the weight proof holds at tensor-parallel 1, 2 and 4.
    """

    seconds: float
    document: dict[str, Any]
    plugin: Path | None
    proved: bool
    errors: str
    proof_errors: str = ""
    holes: tuple[dict[str, str], ...] = field(default=())

    @property
    def package(self) -> str | None:
        """Return the plugin's import package."""
        names = (path.name for path in (self.plugin / "src").iterdir()) if self.plugin else ()
        return next((name for name in names if name.isidentifier()), None)  # its metadata may lie beside it

    @property
    def names_platform(self) -> bool:
        """Return whether the plugin's code names a platform: what is delivered is to say what the model is."""
        return any(re.search(r"platform|is_cpu|forward_native", path.read_text()) for path in self.files)

    @property
    def files(self) -> list[Path]:
        """Return the plugin's Python files."""
        return sorted(self.plugin.rglob("*.py")) if self.plugin else []


def generate(row: Row, environment: Environment, folder: Path) -> Generated:
    """Make the plugin of a row below a folder that is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    plugin = folder / "plugin"
    words = ("new-model", row.checkpoint, "--strategy", "native", "--placement", "plugin", "--output", plugin)
    started = time.monotonic()
    code, document, errors = _call(*words, "--work", folder, "--python", environment.python)
    seconds = time.monotonic() - started
    made = code == 0 and plugin.is_dir()
    weights = _call("weights", row.checkpoint, "--tp", RANKS, "--python", environment.python) if made else None
    return Generated(
        seconds=seconds,
        document=document,
        plugin=plugin if made else None,
        proved=weights is not None and weights[0] == 0,
        errors=errors,
        proof_errors=weights[2] if weights else "",
        holes=tuple(document.get("holes", ())),
    )


def _call(*words: str | Path) -> tuple[int, dict[str, Any], str]:
    """Return the exit code, the JSON document, and the last of what went to standard error."""
    command = [str(SCAFFOLD), *(str(word) for word in words), "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return -1, {}, f"no answer in {LIMIT} s"
    try:
        document = json.loads(done.stdout)
    except ValueError:
        document = {}
    return done.returncode, document, done.stderr[-3000:]
