"""What serves a model from vLLM's tree comes to the delivery repo: as a model of vllm-ascend's own, else as a patch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath

from codemods import ChangeSet
from scaffold.common.errors import CheckFailed
from scaffold.delivery.commit import committed_text
from scaffold.delivery.own_lines import Edit, own_lines, without_own
from scaffold.delivery.vllm_patch import vllm_patch
from scaffold.evidence.plan_record import PlanRecord, Served
from scaffold.evidence.workspace import Workspace
from scaffold.placement.protocol import Code, Implementation, Site
from scaffold.placement.registration import ConfigModule, absolute_imports
from scaffold.placement.vllm_ascend import VLLM_ASCEND, takes_models
from scaffold.roots.vllm_tree import CONFIG_CLASSES, MODELS, PROCESSORS, read_vllm_tree
from scaffold_validators.problem import Problem

VLLM, DELIVERY = "vllm", "delivery"
"""The labels of the roots in edits and diffs."""


def carry_over(changes: ChangeSet, record: PlanRecord, workspace: Workspace, version: str) -> ChangeSet:
    """Add to a change set of the delivery repo what the plan has in vLLM's tree, as it is there now.

    Args:
        changes: of the delivery repo.
        record: the plan's.
        workspace: where it was planned.
        version: of the vLLM that it was served with.

    Raises:
        CheckFailed: a file of the plan is gone, or a line of it is not the plan's alone.
        Refusal: a file that this tool did not write is in the place of one.
    """
    if not record.vllm_files:
        return changes
    vllm, delivery = Path(record.vllm), Path(record.delivery)
    if record.served is not None and takes_models(delivery) and not _has_processor(record):
        site = Site(record.name, record.served.module, vllm, delivery, None, "", workspace.generated)
        return VLLM_ASCEND.place(changes, _implementation(record.served, vllm), site)
    files = {file: _before_and_after(record, file, workspace) for file in record.vllm_files}
    path, text = vllm_patch(record.name, record.architecture, version, files)
    return changes.create(delivery / path, text, generated=workspace.generated(delivery / path))


def contents(
    changes: ChangeSet, record: PlanRecord, files: Sequence[str], others: Sequence[PlanRecord] = ()
) -> dict[PurePosixPath, str]:
    """Return what the commit has to hold: file below the delivery repo → its text, without lines of others.

    Args:
        changes: what is still to be written.
        record: the plan's.
        files: those of the plan, relative to the delivery repo.
        others: the other plans of the work directory.

    Raises:
        CheckFailed: a file of the plan is gone, or a line of it is not the plan's alone.
    """
    delivery, found = Path(record.delivery), dict[PurePosixPath, str]()
    for file in files:
        now = changes.read(delivery / file)
        if now is None:
            raise _gone(delivery / file)
        edits = _edits(record, DELIVERY, file)
        before = committed_text(delivery, PurePosixPath(file)) if edits else None
        if before is not None:
            found[PurePosixPath(file)] = _own(before, edits, now)
            continue
        if edits:
            raise _made_by_another(delivery / file, [one.name for one in others if file in created(one, DELIVERY)])
        theirs = [_edits(one, DELIVERY, file) for one in others]
        found[PurePosixPath(file)] = without_own([one for one in theirs if one], now)
    return found


def created(record: PlanRecord, root: str) -> frozenset[str]:
    """Return the files that a plan made, below one of its roots."""
    files = record.vllm_files if root == VLLM else (*record.delivery_files, *record.carried)
    return frozenset(files) - {edit.path for edit in record.edits if edit.root == root}


def other_plans(workspace: Workspace, name: str) -> list[PlanRecord]:
    """Return the other plans of a work directory; one whose record does not fit is said where it is asked for."""
    found = []
    for other in workspace.planned():
        with suppress(Problem):
            if other != name:
                found.append(workspace.record(other))
    return found


def _own(committed: str, edits: Sequence[Edit], now: str) -> str:
    """Return the plan's lines in a file, whose ends of lines git may write otherwise in the work tree."""
    if "\r\n" not in committed:
        now = now.replace("\r\n", "\n")
        edits = [replace(e, before=e.before.replace("\r\n", "\n"), after=e.after.replace("\r\n", "\n")) for e in edits]
    return own_lines(committed, edits, now)


def edits_of(
    changes: ChangeSet, roots: Mapping[str, Path], workspace: Workspace, others: Sequence[PlanRecord] = ()
) -> tuple[Edit, ...]:
    """Return what a change set does to files that this plan did not make; those that it made are its whole.

    Args:
        changes: the plan's.
        roots: label → the root.
        workspace: where it is planned.
        others: the other plans of the work directory.
    """
    found = []
    for label, root in roots.items():
        below = root.resolve()
        for change in changes.changes:
            if not change.path.is_relative_to(below) or change.generated is not None:
                continue
            path = change.path.relative_to(below).as_posix()
            is_ours = not any(path in created(one, label) and _root(one, label) == below for one in others)
            if workspace.generated(change.path) is not None and is_ours:
                continue
            if change.before is not None and change.after is not None:
                found.append(Edit(label, path, change.before.decode(), change.after.decode()))
    return tuple(found)


def joined_edits(earlier: Sequence[Edit], new: Sequence[Edit]) -> tuple[Edit, ...]:
    """Return edits of several runs, the oldest first; one that a run did again, as it was cut off, is there once."""
    return (*earlier, *(edit for edit in new if edit not in earlier))


def _implementation(served: Served, vllm: Path) -> Implementation:
    """Return what vLLM's tree has, as it is there now, edits by hand and all."""
    if not served.module:
        return Implementation(served.registration)
    config = None
    if served.config_module:
        text = _text(vllm / CONFIG_CLASSES / f"{served.config_module}.py")
        config = ConfigModule(served.config_module, served.config_class, served.model_type, text)
    module = _text(vllm / MODELS / f"{served.module}.py")
    code = Code(served.module, in_tree=module, stand_alone=absolute_imports(module), config=config)
    return Implementation(served.registration, code)


def _has_processor(record: PlanRecord) -> bool:
    return any(Path(file).is_relative_to(PROCESSORS) for file in record.vllm_files)


def _before_and_after(record: PlanRecord, file: str, workspace: Workspace) -> tuple[str | None, str]:
    """Return a file of vLLM's tree without any plan, and with this one alone."""
    now, edits = _text(Path(record.vllm) / file), _edits(record, VLLM, file)
    if not edits:
        others = [_edits(one, VLLM, file) for one in other_plans(workspace, record.name) if one.vllm == record.vllm]
        return None, without_own([one for one in others if one], now)
    before = _before_all(record, file, workspace)
    return before, own_lines(before, edits, now)


def _before_all(record: PlanRecord, file: str, workspace: Workspace) -> str:
    """Return a file as the tree's last commit has it, else as it was before the first plan of the work directory."""
    tree = read_vllm_tree(Path(record.vllm)).root
    if (tree / ".git").exists():
        committed = committed_text(tree, PurePosixPath(file))
        if committed is not None:
            return committed
    plans = [workspace.record(name) for name in workspace.planned()]
    texts = [_edits(plan, VLLM, file) for plan in plans if plan.vllm == record.vllm]
    firsts = [edits[0].before for edits in texts if edits]
    return min(firsts, key=len)  # plans add lines


def _edits(record: PlanRecord, root: str, file: str) -> tuple[Edit, ...]:
    return tuple(edit for edit in record.edits if (edit.root, edit.path) == (root, file))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise _gone(path) from error


def _root(record: PlanRecord, label: str) -> Path:
    return Path(record.vllm if label == VLLM else record.delivery).resolve()


def _made_by_another(path: Path, names: Sequence[str]) -> CheckFailed:
    return CheckFailed(
        f"a file that this plan edited, and that no commit holds{''.join(f'; {name} made it' for name in names)}",
        where=str(path),
        expected="a file that was committed before it is edited, as this commit is to hold nothing else",
        remedy="; ".join(f"commit {name} first" for name in names) or "commit that file first",
    )


def _gone(path: Path) -> CheckFailed:
    return CheckFailed(
        "no such file any more",
        where=str(path),
        expected="the file that new-model wrote",
        remedy="run scaffold new-model for this model again",
    )
