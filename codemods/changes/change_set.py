"""All creations and edits of one run, held in memory: shown as one diff, applied as a whole.

Nothing here writes. Reading is limited to the files that are created or edited, so that edits
stack on one another and on what is on disk. `codemods.changes.journal.apply` puts a change set on disk.
"""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from codemods.changes.digest import sha256
from codemods.changes.merging import NOTHING, Earlier, merge
from codemods.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Change:
    """One file before and after; None stands for a file that does not exist.

    ``path`` is absolute and free of symbolic links. ``generated`` is what this tool generated, of which ``after``
    may be the merge with a person's edits; ``conflicts`` is the number of places where the two contradict each
    other. None stands for a file that was only edited. ``keeps_edits``: of a run that was taken back, whether
    ``before`` has what somebody changed since.
    """

    path: Path
    before: bytes | None
    after: bytes | None
    generated: bytes | None = field(default=None, compare=False)
    conflicts: int = field(default=0, compare=False)
    keeps_edits: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class ChangeSet:
    """An immutable, ordered set of changes to files under ``roots``; each method returns a new one.

    ``earlier`` knows what was generated before, for files that a person edited since; ``notes`` are what the edits have
    to say to their user.
    Raises `Refusal` for every path that is not a regular file or leaves the roots, directly
    or through a symbolic link.
    """

    roots: tuple[Path, ...]
    changes: tuple[Change, ...] = ()
    earlier: Earlier = field(default=NOTHING, compare=False, repr=False)
    notes: tuple[str, ...] = ()

    def create(self, path: Path, text: str, *, generated: str | None = None) -> ChangeSet:
        """Add a new file. The same bytes in its place already are no change.

        ``generated`` is the SHA-256 (hex) of what the tool itself wrote there last, see
        `codemods.changes.journal.generated_digest`: a file with exactly these bytes is replaced. One that was
        edited since is merged with the new text where ``earlier`` knows what was written last; where both
        changed the same lines, git's marks stand and `conflicts` has the file. Raises `Refusal` if other
        bytes are in its place.
        """
        path, after = self._real(path), text.encode()
        current = self._content(path)
        if current == after:
            return self
        before = self.earlier.text(path)
        replaced = {generated, None if before is None else sha256(before.encode())} - {None}
        if current is None or sha256(current) in replaced or (self.earlier.force and replaced):
            return self._with(path, current, after, after)
        if before is None:
            raise Refusal(
                "a file with other content already exists at this path",
                where=str(path),
                expected="no file, or one that this tool generated",
                remedy="move the file away or choose another name",
            )
        merged = merge(current, before.encode(), after, path)
        return self._with(path, current, merged.content, after, merged.conflicts)

    def edit(self, path: Path, function: Callable[[str], str]) -> ChangeSet:
        """Edit a file: ``function`` gets the text as earlier changes leave it.

        Raises `Refusal` if there is no such file or if it is not UTF-8, and what ``function``
        refuses.
        """
        path = self._real(path)
        current = self._content(path)
        if current is None:
            raise Refusal(
                "no such file",
                where=str(path),
                expected="a file to edit",
                remedy="check that the root is the intended source tree",
            )
        after = function(_text(current, path)).encode()
        made = next((change for change in self.changes if change.path == path), Change(path, None, None))
        generated = made.generated
        if generated is not None:  # what is generated gets the edit, too
            generated = after if generated == current else function(_text(generated, path)).encode()
        return self._with(path, current, after, generated, made.conflicts)

    def remove(self, path: Path) -> ChangeSet:
        """Remove a file; one that does not exist is no change."""
        path = self._real(path)
        current = self._content(path)
        return self if current is None else self._with(path, current, None)

    def read(self, path: Path) -> str | None:
        """Read a file as this change set leaves it; None if it does not exist."""
        path = self._real(path)
        content = self._content(path)
        return None if content is None else _text(content, path)

    def has_file(self, path: Path) -> bool:
        """Return whether there is a file at ``path`` as this change set leaves it."""
        path = self._real(path)
        for change in self.changes:
            if change.path == path:
                return change.after is not None
        return path.is_file()

    def diff(self, roots: Mapping[str, Path] | None = None) -> str:
        """One unified diff that ``git apply`` and ``patch -p1`` take.

        ``roots`` maps a label to a directory: a file under it is shown as ``label/relative/path``,
        with the label ``""`` as ``relative/path``, which applies inside of that directory.
        Without ``roots``, and for files under none, the path is relative to ``/``.
        """
        from codemods.changes.unified_diff import unified_diff

        labels = {label: root.resolve() for label, root in (roots or {}).items()}
        return "".join(
            unified_diff(_label(change.path, labels), change.before, change.after) for change in self.changes
        )

    @property
    def conflicts(self) -> tuple[Path, ...]:
        """The files in which a person's edits and what is generated now contradict each other, marked as git does."""
        return tuple(change.path for change in self.changes if change.conflicts)

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change on disk."""
        return not self.changes

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that change, in the order in which they were first changed."""
        return tuple(change.path for change in self.changes)

    def digest(self) -> str:
        """SHA-256 (hex) of what changes, whatever the order and wherever the roots are."""
        rows = []
        for change in self.changes:
            number, root = next(
                (number, root)
                for number, root in enumerate(root.resolve() for root in self.roots)
                if change.path.is_relative_to(root)
            )
            states = [None if b is None else sha256(b) for b in (change.before, change.after)]
            rows.append([number, change.path.relative_to(root).as_posix(), *states])
        return sha256(json.dumps(sorted(rows, key=lambda row: row[:2])).encode())

    def _with(
        self, path: Path, current: bytes | None, after: bytes | None, generated: bytes | None = None, conflicts: int = 0
    ) -> ChangeSet:
        earlier = {change.path: change for change in self.changes}
        before = earlier[path].before if path in earlier else current
        earlier[path] = Change(path, before, after, generated, conflicts)
        kept = tuple(change for change in earlier.values() if change.before != change.after)
        return replace(self, changes=kept)

    def _content(self, path: Path) -> bytes | None:
        for change in self.changes:
            if change.path == path:
                return change.after
        return content_on_disk(path)

    def _real(self, path: Path) -> Path:
        """Resolve symbolic links, so that two spellings of a file are one change."""
        try:
            real = path.resolve()
            inside = any(real.is_relative_to(root.resolve()) for root in self.roots)
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL byte
            raise Refusal(
                f"the path cannot be resolved ({error})",
                where=repr(str(path)),
                expected="a path to a file",
                remedy="correct the path",
            ) from error
        if not inside:
            raise Refusal(
                f"the path leads to {real}, outside the source trees",
                where=str(path),
                expected="a path under " + " or ".join(map(str, self.roots)),
                remedy="remove the `..` or the symbolic link that leads outside",
            )
        return real


def content_on_disk(path: Path) -> bytes | None:
    """Read a regular file; None if there is nothing at ``path``.

    Raises `Refusal` for directories, devices, pipes, and files that cannot be read.
    """
    try:
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            return path.read_bytes()
        found = "a directory" if stat.S_ISDIR(mode) else "something that is not a regular file"
    except FileNotFoundError:
        return None
    except OSError as error:
        found = f"a file that cannot be read ({error.strerror})"
    raise Refusal(
        f"{found} is at the file's path",
        where=str(path),
        expected="a readable regular file or nothing",
        remedy="choose another path, or remove what is at this one",
    )


def _text(content: bytes, path: Path) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Refusal(
            f"byte {error.start} is not UTF-8",
            where=str(path),
            expected="a text file in UTF-8",
            remedy="check that this is the intended file",
        ) from error


def _label(path: Path, labels: Mapping[str, Path]) -> str:
    for label, root in labels.items():
        if path.is_relative_to(root):
            return (Path(label) / path.relative_to(root)).as_posix()
    return path.relative_to(path.anchor).as_posix()
