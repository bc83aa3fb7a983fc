"""Real small checkpoints, made by the engine's transformers from ``checkpoints.yaml``."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from scaffold.common.tables import read_table
from tests.lab.cache import STAMP, cache_root, locked, timed
from tests.lab.commands import run
from tests.lab.engine import engine

HERE = Path(__file__).parent
MAKER = HERE / "make_checkpoint.py"


def checkpoint(name: str) -> Path:
    """Return the checkpoint of a row, made on first use."""
    make_checkpoints((name,))
    return _place(name)


def make_checkpoints(names: Iterable[str]) -> None:
    """Make those that are not there yet, all in one process, as starting transformers takes most of the time."""
    missing = {name: _place(name) for name in names if not (_place(name).parent / STAMP).is_file()}
    if not missing:
        return
    python = engine().python
    with locked(cache_root() / "checkpoints.lock"), timed(f"making the checkpoints {', '.join(missing)}"):
        for place in missing.values():
            shutil.rmtree(place.parent, ignore_errors=True)
        run(python, MAKER, json.dumps([[_row(name), str(place)] for name, place in missing.items()]))
        for place in missing.values():
            (place.parent / STAMP).touch()


@cache
def _rows() -> dict[str, dict[str, Any]]:
    return read_table(HERE / "checkpoints.yaml")


def _row(name: str) -> dict[str, Any]:
    return _rows()[name]


@cache
def _place(name: str) -> Path:
    """Return where the checkpoint lies: its row, its maker and the engine decide, so a change makes it anew."""
    asked = json.dumps([_row(name), engine().version], sort_keys=True)
    digest = hashlib.sha256(asked.encode() + MAKER.read_bytes()).hexdigest()[:12]
    return cache_root() / f"checkpoint-{name}-{digest}" / name
