"""What Ctrl-C left: the files that a command had written before, and how to take them back."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHOWN = 10
"""So many files are named; of more their number."""


@dataclass(frozen=True)
class Before:
    """The journal of a command's work directory as it was when the command began."""

    journal: Path
    runs: int

    def left(self) -> tuple[tuple[Path, ...], bool]:
        """Return the files that were written since, and whether an undo was interrupted."""
        from codemods.changes.journal import written_since

        return written_since(self.journal, self.runs)

    def lines(self) -> list[str]:
        """Return what to say of it: nothing is left half-way but an undo, which can be called again."""
        from codemods import Refusal

        try:
            files, is_cut_off = self.left()
        except Refusal as refusal:
            return [f"what was written cannot be told: {refusal.where}: {refusal.found}"]
        undo = shlex.join(["scaffold", "undo", "--work", str(self.journal.parents[1])])
        if is_cut_off:
            return [f"the undo was interrupted; {undo} makes the files as they were"]
        if not files:
            return ["no file of a source tree was written"]
        shown = [f"  {path}" for path in files[:SHOWN]]
        more = [f"  and {len(files) - SHOWN} more"] if len(files) > SHOWN else []
        return ["written before that, as a whole:", *shown, *more, f"{undo} takes it back"]


def before(options: Mapping[str, Any]) -> Before | None:
    """Return the journal of the work directory; None where a command has none, or it cannot be read."""
    if "work" not in options:
        return None
    from codemods import Refusal
    from codemods.changes.journal import runs_so_far
    from codemods.changes.out_of_sight import FOLDER
    from scaffold.cli.work import work_directory
    from scaffold.common.errors import UsageError

    try:
        journal = work_directory(options) / FOLDER / "journal"
        return Before(journal, runs_so_far(journal))
    except (Refusal, UsageError):  # the command says so
        return None
