"""Folders of checkpoints that several tests share; they are taken away when the tests of a process have ended."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

_MADE: list[TemporaryDirectory[str]] = []


def shared_folder() -> Path:
    """Make an empty folder."""
    _MADE.append(TemporaryDirectory(prefix="modelslim"))
    return Path(_MADE[-1].name)


def take_away() -> None:
    """Remove all that were made: a worker ends without what Python does at its end."""
    while _MADE:
        _MADE.pop().cleanup()
