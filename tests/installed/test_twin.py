"""The twin, started by the installed tool: its scripts run in the engine's environment, and come from the wheel."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.bench.coverage.environment import environment as serving
from tests.lab.checkpoints import checkpoint

pytestmark = [pytest.mark.installed, pytest.mark.engine]


def test_the_twin_says_right(environments: dict[str, Path], tmp_path: Path) -> None:
    words = ["new-model", checkpoint("helium"), "--strategy", "native", "--placement", "plugin"]
    words += ["--output", tmp_path / "plugin", "--work", tmp_path, "--python", serving().python, "--twin", "--json"]
    command = [str(word) for word in (environments["wheel"] / "bin" / "scaffold", *words)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["twin"]["outcome"] == "passed"
