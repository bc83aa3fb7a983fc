"""What a directory holds, so that a test can tell whether anything was written."""

from __future__ import annotations

from pathlib import Path

Snapshot = dict[str, tuple[int, bytes | None]]


def snapshot(*roots: Path, without: str = ".git") -> Snapshot:
    """Return path → mode and content of everything below the roots, git's own files left out."""
    return {
        str(path): (path.lstat().st_mode, path.read_bytes() if path.is_file() else None)
        for root in roots
        for path in sorted(root.rglob("*"))
        if without not in path.relative_to(root).parts
    }
