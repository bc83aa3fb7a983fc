"""Rules of generated architectures, derived from their specs as ``scaffold weights`` does it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.reading.of_checkpoint import read_model_of
from scaffold.weights import WeightMap
from tests.lab.checkpoints import checkpoint
from tests.lab.engine import engine
from tests.models.build import write_checkpoint

ROWS = ("nova", "helium", "solar-open", "solar-open-fp8", "qwen3")


def read(row: str, scratch: Path) -> Checkpoint:
    """Return a checkpoint: a row of the laboratory, or the made-up model."""
    return read_checkpoint(write_checkpoint(scratch / "nova") if row == "nova" else checkpoint(row))


def rules(read: Checkpoint, **changed: Any) -> WeightMap:
    """Return its rules; ``changed`` goes into the config."""
    return _rules(read.path, tuple(sorted(changed.items())))


@lru_cache(maxsize=32)
def _rules(path: Path, changed: tuple[tuple[str, Any], ...]) -> WeightMap:
    read = read_checkpoint(path)
    config = {**read.config, **dict(changed)}
    read = replace(read, config=config, text_config=config)
    reading = read_model_of(read, engine().transformers)
    assert reading.spec.decoder is not None, reading.spec.holes
    return weight_map_of(reading.spec.decoder, read, reading.source)
