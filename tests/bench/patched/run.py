"""Patches into the engine's Python, and its answers."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.bench.coverage.environment import environment
from tests.bench.patched.sample import Patch

SCRIPT = Path(__file__).with_name("in_engine.py")


def applied(patches: list[Patch], count: int) -> list[dict[str, Any]]:
    """Apply up to ``count`` patches, each in a fork of one process; return what it said first, and of each."""
    jobs = [{**asdict(made.target), "text": made.text, "holders": made.holders} for made in patches]
    done = subprocess.run(
        [environment().python, SCRIPT, str(count)], input=json.dumps(jobs), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return [json.loads(line) for line in done.stdout.splitlines()]
