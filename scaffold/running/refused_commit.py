"""What was written for a commit that git or a hook refused is taken back, whatever a hook made of copies of code."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from codemods import ChangeSet, Refusal, undo
from scaffold.common.errors import CheckFailed
from scaffold.evidence.plan_record import PlanRecord
from scaffold.evidence.workspace import Workspace


def take_back(changes: ChangeSet, record: PlanRecord, earlier: PlanRecord, workspace: Workspace) -> tuple[Path, ...]:
    """Take back what was written for a commit, and return which copies of code a hook had changed.

    Copies of what vLLM's tree serves are made anew by the next call; what a hook made of documents stays, to be
    committed.

    Args:
        changes: what was written.
        record: the plan's, as it was to be.
        earlier: as it was before.
        workspace: where it was planned.
    """
    written = changes.changes
    copies = {Path(record.delivery).resolve() / file for file in record.carried}
    new = {
        one.path: one.after for one in written if one.path in copies and one.before is None and one.after is not None
    }
    changed = tuple(path for path, text in new.items() if path.is_file() and path.read_bytes() != text)
    for path in changed:
        path.write_bytes(new[path])
    with suppress(Refusal):
        if written and all(one.path.is_file() and one.path.read_bytes() == one.after for one in written):
            undo(workspace.journal, whole=False)
        workspace.save_record(earlier)
    return changed


def changed_by_hook(error: CheckFailed, changed: Sequence[Path]) -> CheckFailed:
    """Return a refusal that says where a change belongs that a hook made."""
    names = ", ".join(map(str, changed))
    return CheckFailed(
        error.found,
        where=error.where,
        expected=error.expected,
        remedy=f"a hook changed {names}, a copy of what is served from vLLM's tree: make that change there, and run "
        "the gates again; what else the hook reports is to be repaired here",
    )
