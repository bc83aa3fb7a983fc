"""One file brought to new content, with all that is not its content kept: permissions, owner, links, attributes.

A new file is moved over the old one, in one atomic step, where it can be made like the old one. Where it
cannot (hard links, an owner that may not be given, extended attributes, a directory that takes no new
files), the old one is overwritten: a crash may leave half of it, which the journal knows how to undo.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from codemods.changes.digest import sha256
from codemods.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from codemods.changes.disk import Disk

_OF_THE_DIRECTORY = frozenset({"security.selinux"})
"""Extended attributes that a new file gets from its directory."""


def check_writable(path: Path) -> None:
    """Raise `Refusal` for a file that nobody, or that this user, may write to. One that is not there is fine."""
    if not path.exists():
        return
    if path.stat().st_mode & 0o222 and os.access(path, os.W_OK):
        return
    raise Refusal(
        "the file is read-only",
        where=str(path),
        expected="a file that may be written to",
        remedy=f"make it writable first, if it is meant to be edited: chmod u+w {path}",
    )


def has_to_be_overwritten(path: Path) -> bool:
    """Return whether a file would lose something if another one were moved over it."""
    if not path.exists():
        return False
    state, user = path.stat(), os.geteuid()
    is_ours = state.st_uid == user and state.st_gid in {os.getegid(), *os.getgroups()}
    return (
        state.st_nlink > 1
        or not (user == 0 or is_ours)
        or not os.access(path.parent, os.W_OK | os.X_OK)
        or bool(_attributes(path))
    )


def put(
    path: Path,
    content: bytes | None,
    mode: int | None,
    number: int,
    disk: Disk,
    *,
    overwrite: bool,
    owner: Sequence[int] = (),
) -> None:
    """Bring one file to ``content``; None removes it.

    ``mode`` is its permissions (None: the umask's), ``number`` the run's, and ``overwrite`` what
    `has_to_be_overwritten` said when the run began. A file that is there stays its owner's; one that is
    not gets ``owner``. Raises OSError, which names the file.
    """
    try:
        if content is None:
            disk.remove(path)
        elif overwrite and path.exists():
            disk.overwrite(path, content)
        else:
            temporary = temporary_of(path, number)
            disk.write(temporary, content, mode, tuple(owner_of(path) or owner))
            disk.replace(temporary, path)
        if path.parent.is_dir():
            disk.sync_directory(path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def temporary_of(path: Path, number: int) -> Path:
    """Return the file beside another that a run writes first: known from the record, so that `undo` finds it."""
    # A hash instead of the name: a name may already be as long as a file system allows.
    return path.parent / f".scaffold-{sha256(path.name.encode())[:16]}-{number}.tmp"


def mode_of(path: Path) -> int:
    """Return a file's permissions."""
    return stat.S_IMODE(path.stat().st_mode)


def owner_of(path: Path) -> list[int]:
    """Return the user and the group of a file; empty if it is not there."""
    if not path.exists():
        return []
    state = path.stat()
    return [state.st_uid, state.st_gid]


def _attributes(path: Path) -> list[str]:
    if not hasattr(os, "listxattr"):
        return []
    try:
        return sorted(set(os.listxattr(path)) - _OF_THE_DIRECTORY)
    except OSError:  # a file system without any
        return []
