"""Source of earlier releases of transformers as labs ship it: files beside a checkpoint, read with today's library.

A model of a release becomes remote code by its imports alone: ``from ...activations`` is then ``from
transformers.activations``. What the release computes is known of the release itself, so that all that today's library
lacks or computes in another way shows.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scaffold.source.locate import ModelingSource, find
from scaffold.source.python.errors import NotUnderstood
from tests.bench.source.compare import Comparison, difference
from tests.bench.source.rows import Row, make_references, rows
from tests.lab.engine import engine

ASK = "import json, transformers as t; print(json.dumps([t.__version__, t.__path__[0]]))"
ABOVE = re.compile(r"^(\s*from )\.\.\.(\w?)", re.MULTILINE)
BESIDE = re.compile(r"^(\s*from )\.\.(\w)", re.MULTILINE)

OTHERS = ("modeling_tf_", "modeling_flax_")


@dataclass(frozen=True)
class Release:
    """A release of transformers.

    Attributes:
        python: of an environment that has it.
        version: ``4.44.2``.
        package: the folder of its package.
    """

    python: Path
    version: str
    package: Path


def release_of(python: Path) -> Release:
    """Return the release that an environment has."""
    said = subprocess.run([str(python), "-c", ASK], check=True, capture_output=True, text=True).stdout
    version, package = json.loads(said.splitlines()[-1])
    return Release(python, version, Path(package))


def measure(release: Release, names: Sequence[str]) -> Iterator[Comparison]:
    """Yield how each model that the release knows and runs compares, rows in the order of the benchmark."""
    chosen = [row.of(release.version) for name, row in rows().items() if not names or name in names]
    make_references(chosen, release.python)
    yield from (_compare(release, row) for row in chosen if row.failure is None)


def _compare(release: Release, row: Row) -> Comparison:
    reference = np.load(row.reference)
    config = json.loads(str(reference["config"]))
    folder = row.reference.with_suffix("")
    try:
        own = find(config["architectures"][0], config["model_type"], {}, Path(), release.package)
        if own is None:
            return Comparison(row.name, None, "no modeling source", 0.0, 0)
        auto_map = as_remote(own, folder)
        source = find(config["architectures"][0], config["model_type"], auto_map, folder, engine().transformers)
        assert source is not None
        return difference(row.name, source, config, reference)
    except NotUnderstood as hole:
        return Comparison(row.name, None, str(hole), 0.0, 0)


def as_remote(source: ModelingSource, folder: Path) -> dict[str, Any]:
    """Write the files of a model of transformers as remote code has them, and return their ``auto_map``."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(Path(source.file.path).parent.glob("*.py")):
        if path.name.startswith(("modeling_", "configuration_")) and not path.name.startswith(OTHERS):
            text = ABOVE.sub(lambda found: f"{found[1]}transformers{found[2] and '.'}{found[2]}", path.read_text())
            (folder / path.name).write_text(BESIDE.sub(r"\1transformers.models.\2", text))
    named = {"AutoModelForCausalLM": f"{Path(source.file.path).stem}.{source.class_name}"}
    if source.config_file is not None:
        named["AutoConfig"] = f"{Path(source.config_file.path).stem}.{source.config_class}"
    return named
