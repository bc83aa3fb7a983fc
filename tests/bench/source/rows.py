"""The rows of this benchmark, those of tests/bench/coverage and of ``more.yaml``, and their references in the cache."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from tests.bench.coverage.rows import over
from tests.bench.coverage.rows import rows as coverage_rows
from tests.lab.cache import cache_root, locked, timed
from tests.lab.engine import engine

HERE = Path(__file__).parent
MAKER = HERE / "reference.py"
EARLIER = HERE / "earlier_reference.py"
COMMON = {
    "vocab_size": 96,
    "hidden_size": 64,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "tie_word_embeddings": False,
}
LENGTH = 23
"""Tokens of a prompt: more than any window of ``more.yaml``, and a prime, so that no size equals it."""


@dataclass(frozen=True)
class Row:
    """One config of one architecture."""

    name: str
    part: str
    config: dict[str, Any]
    length: int
    release: str = ""
    """Of transformers, where it is not the engine's."""

    def of(self, release: str) -> Row:
        """Return the row of another release of transformers, in its spelling."""
        config = self.config if int(release.split(".")[0]) >= 5 else spelled_as_before_5(self.config)
        return replace(self, release=release, config=config)

    @property
    def model_type(self) -> str:
        """Return the type that transformers knows."""
        return self.name.split("@")[0]

    @property
    def reference(self) -> Path:
        """Return where the reference lies: row, maker and engine decide, so a change makes it anew."""
        asked = json.dumps([self.config, self.length, engine().version, *filter(None, [self.release])], sort_keys=True)
        makers = MAKER.read_bytes() + (EARLIER.read_bytes() if self.release else b"")
        digest = hashlib.sha256(asked.encode() + makers).hexdigest()[:12]
        return cache_root() / "source" / f"{self.name.replace('@', '-')}-{digest}.npz"

    @property
    def failure(self) -> str | None:
        """Return why transformers itself does not run the row, if it does not."""
        said = self.reference.with_suffix(".txt")
        return said.read_text() if said.is_file() else None


def spelled_as_before_5(config: dict[str, Any]) -> dict[str, Any]:
    """Return a config whose rotation is spelled ``rope_theta`` and ``rope_scaling``, all that releases before 5 read.

    They ignore ``rope_parameters``, and a class that has a scaling by default then adds it. Parameters for each kind of
    layer have no one spelling there, and stay as they are.
    """
    stated = config.get("rope_parameters", {})
    if not stated or any(isinstance(value, dict) for value in stated.values()):
        return config
    beside = {key: stated[key] for key in ("rope_theta", "partial_rotary_factor") if key in stated}
    scaling = {key: value for key, value in stated.items() if key not in beside and key != "rope_type"}
    kind = stated.get("rope_type", "default")
    spelled = {key: value for key, value in config.items() if key != "rope_parameters"} | beside
    return spelled if kind == "default" else spelled | {"rope_scaling": {"type": kind, **scaling}}


def rows() -> dict[str, Row]:
    """Return all rows by name."""
    found = [Row(row.name, "coverage", row.config, row.prompt_tokens) for row in coverage_rows().values()]
    for part, table in yaml.safe_load((HERE / "more.yaml").read_text()).items():
        found += [Row(name, part, over(COMMON, config), LENGTH) for name, config in table.items()]
    return {row.name: row for row in found}


def make_references(chosen: Iterable[Row], python: Path | None = None) -> None:
    """Make the references that are not there yet, in one process that has transformers, by default the engine's."""
    missing = [row for row in chosen if not row.reference.is_file() and row.failure is None]
    if not missing:
        return
    (cache_root() / "source").mkdir(parents=True, exist_ok=True)
    asked = [
        {"model_type": r.model_type, "config": r.config, "length": r.length, "destination": str(r.reference)}
        for r in missing
    ]
    with locked(cache_root() / "source.lock"), timed(f"running {len(missing)} model(s) in PyTorch"):
        subprocess.run(
            [str(python or engine().python), str(EARLIER if python else MAKER)],
            input=json.dumps(asked),
            text=True,
            check=True,
        )
