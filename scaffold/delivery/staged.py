"""What git's index holds, and how it follows a commit that was made beside it."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable
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


def put(repo: Repo, file: PurePosixPath, entry: Entry, environment: dict[str, str] | None = None) -> None:
    """Put a file into the index that the environment names."""
    cache = f"{entry.mode},{entry.blob},{file}"
    repo.git.update_index("--add", "--cacheinfo", cache, env=environment or {})


def stage_commit(repo: Repo, before: str, files: Iterable[PurePosixPath]) -> None:
    """Have the user's index follow from the commit ``before`` to HEAD; lines that are staged beyond it stay staged."""
    names = list(files)
    old, new = entries(repo, before, names), entries(repo, "HEAD", names)
    staged = staged_entries(repo, names)
    for file in names:
        if staged.get(file) == old.get(file) or file not in old:
            put(repo, file, new[file])  # a new file is the plan's, staged before or not
        elif file in staged:
            put(repo, file, Entry(new[file].mode, _merged(repo, staged[file].blob, old[file].blob, new[file].blob)))


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
