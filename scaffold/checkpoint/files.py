"""Files of a checkpoint directory: only regular files inside it.

A link is followed if it ends inside the directory, or in the ``blobs`` folder beside the ``snapshots`` folder that
contains the directory: the layout of Hugging Face's cache, in which every file of a snapshot is a link to a blob
(https://huggingface.co/docs/huggingface_hub/guides/manage-cache). All other links are refused: they point
to a file of the machine, not of the checkpoint.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from scaffold.checkpoint.text import shown
from scaffold.common.errors import CheckpointError

KINDS = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket",
         stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}  # fmt: skip


def has_file(directory: Path, name: str) -> bool:
    """Return whether anything has this name, even a dangling link: reading it then reports what is wrong."""
    return os.path.lexists(directory / name)


def regular_file(directory: Path, name: str, expected: str) -> Path:
    """Return the path of a regular file of the checkpoint.

    Args:
        directory: the checkpoint.
        name: a plain file name.
        expected: what the file is, for the message.

    Raises:
        CheckpointError: it is missing, not a regular file, not readable, or a link that leaves the checkpoint.
    """
    path = directory / name
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            target = Path(os.path.realpath(path))
            if not _belongs(target, directory):
                raise _refused(name, f"a link to {shown(str(target))}", directory, expected)
            mode = path.stat().st_mode
    except FileNotFoundError:
        dangling = "a link to nothing" if path.is_symlink() else f"no file {name}"
        raise CheckpointError(
            dangling, where=str(path), expected=expected, remedy="download the complete checkpoint again"
        ) from None
    except OSError as error:
        raise unreadable(path, error, expected) from error
    if not stat.S_ISREG(mode):
        raise _refused(name, KINDS.get(stat.S_IFMT(mode), "not a regular file"), directory, expected)
    return path


def read_bytes(directory: Path, name: str, expected: str, limit: int) -> bytes:
    """Return the content of a small file.

    Raises:
        CheckpointError: as ``regular_file``, or it is larger than ``limit`` bytes.
    """
    path = regular_file(directory, name, expected)
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise CheckpointError(
                    f"{size:,} bytes",
                    where=name,
                    expected=f"{expected}, of at most {limit:,} bytes",
                    remedy=f"check whether {name} belongs to this checkpoint, and download it again",
                )
            return file.read(limit + 1)
    except OSError as error:
        raise unreadable(path, error, expected) from error


def unreadable(path: Path, error: OSError, expected: str) -> CheckpointError:
    """Return the error for a file that the system does not let us read."""
    found = error.strerror or type(error).__name__
    return CheckpointError(found, where=str(path), expected=expected, remedy="check the file's permissions and disk")


def _belongs(target: Path, directory: Path) -> bool:
    home = Path(os.path.realpath(directory))
    if target.is_relative_to(home):
        return True
    snapshots = home.parent
    return snapshots.name == "snapshots" and target.parent == snapshots.parent / "blobs"


def _refused(name: str, found: str, directory: Path, expected: str) -> CheckpointError:
    return CheckpointError(
        found,
        where=name,
        expected=f"{expected}: a regular file in {directory}",
        remedy="pass the directory that holds the files themselves; do not use a checkpoint from an unknown source",
    )
