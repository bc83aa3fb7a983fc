"""What git's index holds, and how it follows a commit that was made beside it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from git import Repo


@dataclass(frozen=True)
class Entry:
    """A file in a tree or an index: its mode, in octal digits, and the name of its object."""

    mode: str
    blob: str


def entries(repo: Repo, commit: str, files: Iterable[PurePosixPath]) -> dict[PurePosixPath, Entry]:
    """Return file → entry of those that a commit has."""
    said = repo.git.ls_tree("-z", commit, "--", *map(str, files))
    rows = (row.partition("\t") for row in said.split("\0") if row)
    return {PurePosixPath(name): Entry(head.split()[0], head.split()[2]) for head, _, name in rows}


def put(repo: Repo, new: Mapping[PurePosixPath, Entry], environment: Mapping[str, str] | None = None) -> None:
    """Put files into the index that the environment names, all at once: a kill leaves it as it was, or as it is to be.

    Raises:
        CalledProcessError: git cannot write it, as another process does.
    """
    rows = "".join(f"{entry.mode} {entry.blob}\t{file}\0" for file, entry in new.items())
    command = ["git", "update-index", "-z", "--add", "--index-info"]
    variables = {**os.environ, **(environment or {})}
    subprocess.run(command, cwd=repo.working_dir, input=rows.encode(), env=variables, capture_output=True, check=True)


def stage_commit(repo: Repo, before: str, files: Iterable[PurePosixPath]) -> None:
    """Have the user's index follow from the commit ``before`` to HEAD; lines that are staged beyond it stay staged.

    Raises:
        CalledProcessError: git cannot write it.
    """
    names = list(files)
    old, new = entries(repo, before, names), entries(repo, "HEAD", names)
    staged, flags = staged_entries(repo, names), _flags(repo, names)
    following = {}
    for file in names:
        if staged.get(file) == old.get(file) or file not in old:
            following[file] = new[file]  # a new file is the plan's, staged before or not
        elif file in staged:
            blob = _merged(repo, staged[file].blob, old[file].blob, new[file].blob)
            following[file] = Entry(new[file].mode, blob)
    put(repo, following)
    for flag, flagged in sorted(flags.items()):
        repo.git.update_index(flag, "--", *map(str, flagged))


def hidden(repo: Repo, folders: Iterable[str]) -> list[str]:
    """Return the tracked files below some folders that a sparse checkout leaves out of the work tree."""
    said = repo.git.ls_files("-v", "-z", "--", *folders)
    rows = (row.partition(" ") for row in said.split("\0") if row)
    root = Path(str(repo.working_dir))
    return [name for tag, _, name in rows if tag in SKIPPED and not (root / name).exists()]


SKIPPED = ("S", "s")
"""How ``git ls-files -v`` marks what is not in the work tree; a small letter stands for "assumed unchanged"."""


def _flags(repo: Repo, files: Iterable[PurePosixPath]) -> dict[str, list[str]]:
    """Return option of ``git update-index`` → files for which the user had set it: a new entry has none."""
    said = repo.git.ls_files("-v", "-z", "--", *map(str, files))
    found: dict[str, list[str]] = {}
    for tag, _, name in (row.partition(" ") for row in said.split("\0") if row):
        if tag in SKIPPED:
            found.setdefault("--skip-worktree", []).append(name)
        if tag.islower():
            found.setdefault("--assume-unchanged", []).append(name)
    return found


def staged_entries(repo: Repo, files: Iterable[PurePosixPath]) -> dict[PurePosixPath, Entry]:
    """Return file → entry of those that the user's index has."""
    said = repo.git.ls_files("--stage", "-z", "--", *map(str, files))
    rows = (row.partition("\t") for row in said.split("\0") if row)
    return {PurePosixPath(name): Entry(*head.split()[:2]) for head, _, name in rows}


def _merged(repo: Repo, staged: str, old: str, new: str) -> str:
    """Return the object of both changes of a file; where they touch, it has the lines of both."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("staged", "old", "new")]
        for path, blob in zip(paths, (staged, old, new), strict=True):
            path.write_bytes(repo.git.cat_file("blob", blob, stdout_as_string=False, strip_newline_in_stdout=False))
        command = ["git", "merge-file", "--union", "-p", *map(str, paths)]
        merged = subprocess.run(command, capture_output=True, check=True).stdout
        store = ["git", "hash-object", "-w", "--stdin", "--no-filters"]
        made = subprocess.run(store, cwd=repo.working_dir, input=merged, capture_output=True, check=True)
    return made.stdout.decode().strip()
