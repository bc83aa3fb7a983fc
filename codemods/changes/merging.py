"""What a person made of a generated file, and what is generated now, as one text: git's three-way merge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codemods.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

SIDES = ("as edited", "as generated before", "as generated now")
"""What git's marks of a conflict call the three texts."""
_MOST_CONFLICTS = 127
"""Git's exit code counts conflicts up to this one, and is greater where something is wrong."""


@dataclass(frozen=True)
class Earlier:
    """What this tool generated before: ``text`` says it for a file, None where that is nothing.

    A file that was edited since is merged with what is generated now; with ``force`` it is replaced.
    """

    text: Callable[[Path], str | None]
    force: bool = False


NOTHING = Earlier(lambda path: None)


@dataclass(frozen=True)
class Merged:
    """A merged file; ``conflicts`` is the number of places that are marked as git marks them."""

    content: bytes
    conflicts: int


def merge(edited: bytes, before: bytes, now: bytes, where: Path) -> Merged:
    """Merge what changed from ``before`` to ``now`` into what a person made of ``before``.

    The rules are those of https://git-scm.com/docs/git-merge-file. ``where`` is the file that the
    contents are of. Raises `Refusal` if there is no git, or if it takes the file for a binary one.
    """
    found = merged_or_why_not(edited, before, now)
    if isinstance(found, str):
        raise _refused(found, where)
    return found


def merged_or_why_not(edited: bytes, before: bytes, now: bytes) -> Merged | str:
    """Return what `merge` does, or why git cannot merge these contents."""
    import subprocess  # here, as few runs merge anything
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as directory:
        files = [Path(directory, str(number)) for number in range(3)]
        for file, content in zip(files, (edited, before, now), strict=True):
            file.write_bytes(content)
        labels = [word for side in SIDES for word in ("-L", side)]
        try:
            # In a directory of its own, so that no repository's settings count.
            done = subprocess.run(
                ["git", "merge-file", "-p", *labels, *map(str, files)],  # noqa: S607 - git is found as users find it
                cwd=directory,
                capture_output=True,
                check=False,
            )
        except OSError as error:
            return f"git cannot be run ({error.strerror})"
    if not 0 <= done.returncode <= _MOST_CONFLICTS:
        return f"git cannot merge it ({done.stderr.decode(errors='replace').strip()})"
    return Merged(done.stdout, done.returncode)


def _refused(found: str, where: Path) -> Refusal:
    return Refusal(
        f"the file was edited since it was generated, and {found}",
        where=str(where),
        expected="git, and a text file",
        remedy="merge it by hand, or replace it by the generated version (--force)",
    )
