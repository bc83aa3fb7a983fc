"""What a run has written and been answered so far, a line each, so that one that was stopped goes on."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.bench.patched.sample import Patch, Target
from tests.lab.cache import cache_root

ROOT = Path(__file__).parents[3]
SOURCES = ("codemods", "tests/bench/patched")
"""What patches and answers depend on, besides seed and count: with other text, a run starts over."""


def folder_of(seed: int, count: int) -> Path:
    """Return the folder of a run, emptied if what it holds was made by other code."""
    folder = cache_root() / f"patched-{seed}-{count}"
    stamp, now = folder / "made_by", _digest()
    if folder.exists() and (not stamp.is_file() or stamp.read_text() != now):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    stamp.write_text(now)
    return folder


def _digest() -> str:
    digest = hashlib.sha256()
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Return what is kept, and cut off a line that was not written to its end."""
    text = path.read_bytes() if path.is_file() else b""
    whole = text[: text.rfind(b"\n") + 1]
    if whole != text:
        path.write_bytes(whole)
    return [json.loads(line) for line in whole.splitlines()]


def keep(path: Path, value: dict[str, Any]) -> None:
    """Add a line."""
    with path.open("a") as file:
        file.write(json.dumps(value) + "\n")


def patches_of(path: Path) -> list[Patch]:
    """Return the patches that are kept, in the order in which their targets were drawn."""
    return [
        Patch(Target(**line["target"]), line["text"], line["refused"], tuple(map(tuple, line["holders"])))
        for line in lines_of(path)
    ]


def keep_patch(path: Path, made: Patch) -> None:
    """Add a patch."""
    keep(path, asdict(made))
