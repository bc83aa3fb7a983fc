"""What this tool keeps for itself never shows in ``git status``, wherever a work directory is."""

from __future__ import annotations

from pathlib import Path

FOLDER = ".scaffold"
"""Below a work directory: all that this tool remembers there."""
_ALL = "*\n"


def keep_out_of_git(directory: Path) -> None:
    """Let git ignore the folder `FOLDER` that a directory is in, or else the directory itself, with all in it.

    The ignoring file ignores itself, too (https://git-scm.com/docs/gitignore). Raises OSError if it cannot be written.
    """
    folder = next((place for place in (directory, *directory.parents) if place.name == FOLDER), directory)
    file = folder / ".gitignore"
    if not file.exists() or not file.stat().st_size:
        file.write_text(_ALL, encoding="utf-8")
