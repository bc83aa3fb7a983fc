"""One row through the interpreter, compared with PyTorch."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scaffold.source.locate import ModelingSource, find
from scaffold.source.python.errors import NotUnderstood
from tests.bench.source.rows import Row
from tests.lab.engine import engine
from tests.models.interpreted import instantiate

TOLERANCE = 1e-9
"""Of the largest logit. Both compute in float64; what is left is the order of sums."""


@dataclass(frozen=True)
class Comparison:
    """How far the interpreter is from PyTorch, or why it did not run."""

    name: str
    difference: float | None
    hole: str
    seconds: float
    operations: int

    @property
    def agrees(self) -> bool:
        """Return whether the logits are the same."""
        return self.difference is not None and self.difference < TOLERANCE

    @property
    def is_wrong(self) -> bool:
        """Return whether the interpreter ran and computed something else."""
        return self.difference is not None and not self.agrees


def compare(row: Row) -> Comparison:
    """Run the row's source with the reference's weights and tokens."""
    reference = np.load(row.reference)
    config = json.loads(str(reference["config"]))
    source = find(config["architectures"][0], config["model_type"], {}, Path(), engine().transformers)
    if source is None:
        return Comparison(row.name, None, "no modeling source", 0.0, 0)
    return difference(row.name, source, config, reference)


def difference(
    name: str, source: ModelingSource, config: Mapping[str, Any], reference: Mapping[str, Any]
) -> Comparison:
    """Run a source with the weights and tokens of a reference: ``tokens``, ``logits`` and ``state.`` of each tensor."""
    start = time.perf_counter()
    try:
        model = instantiate(source, config)
        model.load({key[6:]: reference[key] for key in reference if key.startswith("state.")})
        event = model.call(reference["tokens"])
        found = event.output.field("logits").a
    except NotUnderstood as hole:
        return Comparison(name, None, str(hole), time.perf_counter() - start, 0)
    seconds = time.perf_counter() - start
    wanted = reference["logits"]
    apart = float(np.abs(found - wanted).max() / max(1.0, np.abs(wanted).max()))
    return Comparison(name, apart, "", seconds, sum(1 for _ in event.all_operations()))
