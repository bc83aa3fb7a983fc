"""The rows of ``architectures.yaml``, and where their checkpoints lie in the lab's cache."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.lab.cache import STAMP, cache_root, locked, timed
from tests.lab.engine import engine

HERE = Path(__file__).parent
MAKER = HERE / "make.py"
FILL = HERE.parents[2] / "validators" / "scaffold_validators" / "twin" / "randomise.py"
PROMPT_TOKENS = 40
COMMON = {
    "vocab_size": 512,
    "num_hidden_layers": 4,
    "max_position_embeddings": 1024,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "tie_word_embeddings": False,
}
"""What a row's config stands over."""


@dataclass(frozen=True)
class Row:
    """One architecture: its whole config, and whether the list that counts has it."""

    name: str
    config: dict[str, Any]
    listed: bool
    prompt_tokens: int

    @property
    def model_type(self) -> str:
        """Return the type that transformers knows."""
        return self.name.split("@")[0]

    @property
    def folder(self) -> Path:
        """Return the row's folder in the cache: row, maker and engine decide, so a change makes it anew."""
        asked = json.dumps([self.name, self.config, self.prompt_tokens, engine().version], sort_keys=True)
        digest = hashlib.sha256(asked.encode() + MAKER.read_bytes() + FILL.read_bytes()).hexdigest()[:12]
        return cache_root() / "coverage" / f"{self.name.replace('@', '-')}-{digest}"

    @property
    def checkpoint(self) -> Path:
        """Return the checkpoint's directory."""
        return self.folder / self.name.replace("@", "-")

    @property
    def reference(self) -> dict[str, Any]:
        """Return the prompt, its log probabilities and the greedy tokens of transformers."""
        return json.loads((self.folder / "reference.json").read_text())  # type: ignore[no-any-return]

    @property
    def is_made(self) -> bool:
        """Return whether checkpoint and reference are complete."""
        return (self.folder / STAMP).is_file()

    @property
    def failure(self) -> str:
        """Return why transformers could not make it."""
        log = self.folder / "made.log"
        return log.read_text()[-2000:] if log.is_file() else ""


@cache
def rows() -> dict[str, Row]:
    """Return all rows by name, those of the list first."""
    table = yaml.safe_load((HERE / "architectures.yaml").read_text())
    lengths = table["prompt_tokens"]
    return {
        name: Row(name, over(COMMON, config), part == "listed", lengths.get(name, PROMPT_TOKENS))
        for part in ("listed", "extra")
        for name, config in table[part].items()
    }


def over(common: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return a config over a common one; a null takes the common key away."""
    return {key: value for key, value in {**common, **own}.items() if value is not None}


def choose(only: str | None, extra: bool) -> list[Row]:
    """Return the rows that ``ONLY`` names, or the listed ones, with the extra ones if asked for.

    Raises:
        SystemExit: a name is that of no row.
    """
    if only is None:
        return [row for row in rows().values() if row.listed or extra]
    names = only.replace(",", " ").split()
    if unknown := [name for name in names if name not in rows()]:
        raise SystemExit(f"no row {', '.join(unknown)} in tests/bench/coverage/architectures.yaml: {', '.join(rows())}")
    return [rows()[name] for name in names]


def make_rows(chosen: Iterable[Row]) -> None:
    """Make the checkpoints and references that are not there yet, all in one process."""
    missing = {row.name: row for row in chosen if not row.is_made}
    if not missing:
        return
    with locked(cache_root() / "coverage.lock"), timed(f"making {len(missing)} checkpoint(s)"):
        for row in missing.values():
            shutil.rmtree(row.folder, ignore_errors=True)
        asked = [[r.name, r.model_type, r.config, r.prompt_tokens, str(r.checkpoint)] for r in missing.values()]
        process = subprocess.run(
            [str(engine().python), str(MAKER)], input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=True
        )
        for name, code in map(json.loads, process.stdout.splitlines()):
            if code == 0:
                (missing[name].folder / STAMP).touch()
            else:
                print(f"  {name}: {missing[name].failure.strip().splitlines()[-1:]}")
