"""What a directory holds, so that a test can tell whether anything was written."""

from __future__ import annotations

from pathlib import Path

Snapshot = dict[str, tuple[int, object]]


def snapshot(*roots: Path, without: str = ".git") -> Snapshot:
    """Return path → mode and content of everything below the roots, git's own files left out."""
    return {
        str(path): (path.lstat().st_mode, _content(path))
        for root in roots
        for path in sorted(root.rglob("*"))
        if without not in path.relative_to(root).parts
    }


def _content(path: Path) -> object:
    """Return a file's bytes; of a link, into a tree of gigabytes perhaps, where it leads and when that was written."""
    if path.is_symlink():
        state = path.stat() if path.exists() else None
        return path.readlink(), state and (state.st_size, state.st_mtime_ns)
    return path.read_bytes() if path.is_file() else None
