"""Copies of small trees for single tests: ``shutil`` asks the kernel to copy, ten times as slow for small files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path


def copy_file(source: str | Path, target: str | Path) -> Path:
    """Copy the bytes of a file; neither its times nor its mode are kept."""
    target = Path(target)
    target.write_bytes(Path(source).read_bytes())
    return target


def copy_tree(source: Path, target: Path, ignore: Callable[[str, list[str]], Iterable[str]] | None = None) -> Path:
    """Copy a directory."""
    return Path(shutil.copytree(source, target, ignore=ignore, copy_function=copy_file))
