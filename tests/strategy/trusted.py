"""What is decided of a checkpoint, with the real vLLM tree and the real transformers as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scaffold.checkpoint.read import read_checkpoint
from scaffold.reading.of_checkpoint import Reading, read_model_of
from scaffold.roots.vllm_tree import VllmTree, read_vllm_tree
from scaffold.strategy.protocol import Question
from tests.lab.engine import engine
from tests.models.families import CONFIGS, Shapes, config_of, shapes_of, write


@cache
def tree() -> VllmTree:
    return read_vllm_tree(engine().pristine)


@cache
def _as_published(config: str) -> Reading:
    """Return what is read with this config: of modeling source, the tensors decide nothing."""
    values = json.loads(config)
    with TemporaryDirectory() as folder:
        known = values["model_type"] in CONFIGS
        shapes = shapes_of(values["model_type"]) if known else {"model.embed_tokens.weight": (values["vocab_size"], 1)}
        checkpoint = read_checkpoint(write(Path(folder), values, shapes))
        return read_model_of(checkpoint, engine().transformers)


def question_of(checkpoint: Path, **more: Any) -> Question:
    """Ask about a checkpoint."""
    read = read_checkpoint(checkpoint)
    reading = replace(_as_published(json.dumps(read.config, sort_keys=True)), checkpoint=read)
    return Question(reading, tree().registry, tree(), **more)


def asked(
    folder: Path, family: str, changed: Mapping[str, Any] | None = None, shapes: Shapes | None = None
) -> Question:
    """Write a checkpoint of a family, with other config values or tensors, and ask about it."""
    config = config_of(family, **(changed or {}))
    return question_of(write(folder, config, shapes_of(family) if shapes is None else shapes))
