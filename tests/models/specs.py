"""What is read of a made-up model, and edits of its source."""

from __future__ import annotations

from pathlib import Path

from scaffold.checkpoint.read import read_checkpoint
from scaffold.reading.from_source import read_from_source
from scaffold.source.locate import find
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.model import ModelSpec


def spec_of(checkpoint: Path) -> ModelSpec:
    read = read_checkpoint(checkpoint)
    source = find(read.architecture, read.model_type, dict(read.auto_map), checkpoint, None)
    return read_from_source(read, source)


def decoder_of(checkpoint: Path) -> DecoderSpec:
    spec = spec_of(checkpoint)
    assert spec.decoder is not None, spec.holes
    return spec.decoder


def edit(checkpoint: Path, before: str, after: str) -> None:
    """Change the modeling source of a checkpoint."""
    path = checkpoint / "modeling_nova.py"
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))
