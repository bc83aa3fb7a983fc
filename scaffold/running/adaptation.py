"""What changes the trees: apply a plan, keep what the twin showed of it, take back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from codemods import apply, undo
from scaffold.delivery.layout import TEST_CONFIGS
from scaffold.delivery.own_lines import Edit
from scaffold.evidence.gather import gather
from scaffold.evidence.plan_record import PlanRecord, Served
from scaffold.evidence.workspace import Workspace
from scaffold.placement.vllm import VLLM as IN_VLLM
from scaffold.planning.plan import Plan
from scaffold.running.account import account_of
from scaffold.running.carry_over import DELIVERY, VLLM, edits_of, joined_edits, other_plans
from scaffold_validators.problem import Problem
from scaffold_validators.verdict import Verdict


def apply_plan(plan: Plan, workspace: Workspace) -> None:
    """Write the plan's change set, and remember the plan and what it found out.

    A later run for the same model keeps the files of the earlier one in its record: they belong to one commit.
    """
    delivery = plan.request.delivery
    if delivery is None:
        apply(plan.changes, workspace.journal)  # a plugin: no gates on a tree, no delivery, so nothing to remember
        return
    edits = edits_of(
        plan.changes, {VLLM: plan.request.vllm, DELIVERY: delivery}, workspace, other_plans(workspace, plan.name)
    )
    account = account_of(plan)
    earlier = workspace.record(plan.name) if plan.name in workspace.planned() else None
    record = PlanRecord(
        name=plan.name,
        architecture=plan.spec.architecture,
        strategy=plan.decision.strategy.name,
        documents=plan.documents,
        checkpoint=str(plan.checkpoint.path.resolve()),
        vllm=str(plan.request.vllm.resolve()),
        delivery=str(delivery.resolve()),
        vllm_files=_joined(plan.files(plan.request.vllm), earlier.vllm_files if earlier else ()),
        delivery_files=_joined(plan.files(delivery), earlier.delivery_files if earlier else ()),
        edits=joined_edits(earlier.edits if earlier else (), edits),
        served=_served(plan, earlier.served if earlier else None),
        carried=earlier.carried if earlier else (),
        overrides=plan.subject.settled.overrides,
        believe=plan.request.believe or "",
        commits=earlier.commits if earlier else (),
    )
    workspace.save_record(record)  # before the files: a kill in between forgets none of them
    try:
        apply(plan.changes, workspace.journal)
    except BaseException:
        if earlier is not None:
            workspace.save_record(earlier)
        else:
            workspace.forget(plan.name)
        raise
    workspace.save_account(plan.name, account)


def _served(plan: Plan, earlier: Served | None) -> Served | None:
    """Return what vLLM's tree is to serve the architecture with, by name.

    A class of a config that an earlier run registered is known to the tree, and so is not made by the next one.
    """
    if plan.implementation is None or plan.request.placement != IN_VLLM.name:
        return None  # where nothing changes on a further run, it is there from the one before
    code = plan.implementation.code
    config = code.config if code is not None else None
    if config is None and code is not None and earlier is not None and earlier.module == code.module:
        return replace(earlier, registration=plan.implementation.registration)
    return Served(
        plan.implementation.registration,
        module=code.module if code is not None else "",
        config_module=config.module if config is not None else "",
        config_class=config.class_name if config is not None else "",
        model_type=config.model_type if config is not None else "",
    )


def _joined(files: Iterable[Path], earlier: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*earlier, *(file.as_posix() for file in files)}))


def keep_twin(name: str, workspace: Workspace, verdict: Verdict) -> None:
    """Keep what the twin showed of a plan that was applied, as evidence for the trees as they are now.

    Raises:
        UsageError: nothing was planned for the model.
    """
    digests = gather(workspace, name).digests
    numbers = {**verdict.numbers, "adapter_sha256": verdict.digests.get("adapter", "")}
    workspace.save_verdict(name, replace(verdict, digests=digests, numbers=numbers))


@dataclass(frozen=True)
class Undone:
    """A run that was taken back.

    Attributes:
        paths: the files that are as before again.
        edited: those of them that somebody edited since: these edits stay.
        committed: repo → commits of the plans that it belonged to, which stay in git.
    """

    paths: tuple[Path, ...]
    edited: tuple[Path, ...]
    committed: Mapping[Path, tuple[str, ...]]


def undo_last(workspace: Workspace) -> Undone:
    """Take back the last run with what was written for its commit."""
    taken_back = undo(workspace.journal)
    touched = taken_back.paths
    edited = tuple(change.path for change in taken_back.changes if change.keeps_edits)
    committed: dict[Path, tuple[str, ...]] = {}
    for name in workspace.planned():
        is_gone = any(_is_config_of(name, path) and not path.exists() for path in touched)
        try:
            record = workspace.record(name)
            delivery = Path(record.delivery)
            if record.commits and any(_is_config_of(name, path) for path in touched):
                committed[delivery] = (*committed.get(delivery, ()), *record.commits)
            if not is_gone:
                _forget_undone(record, workspace, touched, edited)
        except Problem:  # a record that does not fit is said to whoever asks for it
            pass
        if is_gone:
            workspace.forget(name)
    return Undone(touched, edited, committed)


def _is_config_of(name: str, path: Path) -> bool:
    parts = (TEST_CONFIGS / f"{name}.yaml").parts
    return path.parts[-len(parts) :] == parts


def _forget_undone(record: PlanRecord, workspace: Workspace, touched: Sequence[Path], merged: Sequence[Path]) -> None:
    """Take what was undone out of a plan's record: edits, and files that were carried over."""
    roots = {VLLM: Path(record.vllm), DELIVERY: Path(record.delivery)}

    def is_undone(edit: Edit) -> bool:
        path = (roots[edit.root] / edit.path).resolve()
        is_before = path in merged or (path.is_file() and path.read_bytes() == edit.before.encode())
        return path in touched and is_before

    kept = tuple(edit for edit in record.edits if not is_undone(edit))
    edited = {edit.path for edit in kept if edit.root == DELIVERY}
    paths = {file: (roots[DELIVERY] / file).resolve() for file in record.carried}
    carried = tuple(
        file
        for file, path in paths.items()
        if path not in touched or (path.is_file() and (file in edited or workspace.generated(path) is not None))
    )
    if (kept, carried) != (record.edits, record.carried):
        workspace.save_record(replace(record, edits=kept, carried=carried))
