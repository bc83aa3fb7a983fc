"""Real small checkpoints, made by the engine's transformers from ``checkpoints.yaml``."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from tests.lab.cache import once
from tests.lab.commands import run
from tests.lab.engine import engine

HERE = Path(__file__).parent
MAKER = HERE / "make_checkpoint.py"


def checkpoint(name: str) -> Path:
    """Return the checkpoint of a row, made on first use."""
    row: dict[str, Any] = yaml.safe_load((HERE / "checkpoints.yaml").read_text())[name]
    made = engine()
    asked = json.dumps([row, made.version], sort_keys=True)
    digest = hashlib.sha256(asked.encode() + MAKER.read_bytes()).hexdigest()[:12]

    def build(root: Path) -> None:
        run(made.python, MAKER, json.dumps(row), root / name)

    return once(f"checkpoint-{name}-{digest}", f"making the checkpoint {name}", build) / name
