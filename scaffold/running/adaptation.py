"""What changes things: apply a plan, fill the documents with verdicts, commit, take back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from codemods import ChangeSet, Refusal, apply, undo
from scaffold.common.errors import CheckFailed
from scaffold.delivery.accuracy import Accuracy
from scaffold.delivery.commit import check_branch, check_contents, commit
from scaffold.delivery.documents import accuracy_rows, render_documents
from scaffold.delivery.excuses import NO_EXCUSE, Excuses
from scaffold.delivery.figures import check_figures
from scaffold.delivery.layout import TEST_CONFIGS, TUTORIALS
from scaffold.delivery.message import commit_message
from scaffold.delivery.own_lines import Edit
from scaffold.delivery.sign_off import check_accuracy, check_sign_off, has_parity
from scaffold.evidence.gather import gather
from scaffold.evidence.plan_record import PlanRecord, Served
from scaffold.evidence.workspace import Workspace
from scaffold.placement.vllm import VLLM as IN_VLLM
from scaffold.planning.plan import Plan
from scaffold.running.account import account_of
from scaffold.running.carry_over import DELIVERY, VLLM, carry_over, contents, edits_of
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
    edits = edits_of(plan.changes, {VLLM: plan.request.vllm, DELIVERY: delivery}, workspace)
    account = account_of(plan)
    apply(plan.changes, workspace.journal)
    earlier = workspace.record(plan.name) if plan.name in workspace.planned() else None
    workspace.save_record(
        PlanRecord(
            name=plan.name,
            architecture=plan.spec.architecture,
            strategy=plan.decision.strategy.name,
            documents=plan.documents,
            checkpoint=str(plan.checkpoint.path.resolve()),
            vllm=str(plan.request.vllm.resolve()),
            delivery=str(delivery.resolve()),
            vllm_files=_joined(plan.files(plan.request.vllm), earlier.vllm_files if earlier else ()),
            delivery_files=_joined(plan.files(delivery), earlier.delivery_files if earlier else ()),
            edits=(*(earlier.edits if earlier else ()), *edits),
            served=_served(plan, earlier.served if earlier else None),
            carried=earlier.carried if earlier else (),
            overrides=plan.subject.settled.overrides,
            believe=plan.request.believe or "",
        )
    )
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
class Prepared:
    """A commit that could be made: what it would write before, what it would hold, and what it would say."""

    record: PlanRecord
    changes: ChangeSet
    contents: Mapping[PurePosixPath, str]
    message: str

    @property
    def delivery(self) -> Path:
        """Return the repo that it would be made in."""
        return Path(self.record.delivery)

    def stat(self) -> tuple[str, ...]:
        """Return what it would change, as ``git diff --stat`` shows it.

        Raises:
            UsageError: the repo is not fit for a commit.
            CheckFailed: there is nothing to commit.
        """
        return check_contents(self.delivery, self.contents)


def prepare_commit(name: str, workspace: Workspace, accepted_device: str, excuses: Excuses = NO_EXCUSE) -> Prepared:
    """Check the evidence, and gather what the one commit holds; writes nothing.

    Args:
        name: the model's.
        workspace: where it was planned.
        accepted_device: see `check_sign_off`.
        excuses: what is not shown, and why; message and documents say it where it is not.

    Raises:
        CheckFailed: the evidence does not suffice, or the commit would hold lines that are not the plan's.
        UsageError: nothing was planned, or the repo is not fit for a commit.
        Refusal: what is in vLLM's tree cannot come to the delivery repo.
    """
    evidence = gather(workspace, name)
    record, delivery = evidence.record, Path(evidence.record.delivery)
    check_sign_off(evidence.verdicts, evidence.digests, accepted_device, without_parity=excuses.without_parity)
    accuracy = workspace.accuracy(name)
    check_accuracy(accuracy, evidence.digests, excuses.accuracy_pending)
    if has_parity(evidence.verdicts, evidence.digests, accepted_device):
        excuses = replace(excuses, without_parity="")  # it was shown: there is nothing to excuse
    if accuracy is not None:
        excuses = replace(excuses, accuracy_pending="")
    check_branch(delivery)
    changes = _with_documents(record, evidence.current, workspace, excuses, accuracy)
    filled = set(changes.paths)
    version = evidence.current[0].versions.get("vllm", "unknown")
    changes = carry_over(changes, record, workspace, version)
    if changes.conflicts:
        raise _edited_twice(changes.conflicts)
    new = [path.relative_to(delivery.resolve()) for path in changes.paths if path not in filled]
    record = replace(
        record,
        carried=_joined(new, record.carried),
        edits=(*record.edits, *edits_of(changes, {DELIVERY: delivery}, workspace)),
    )
    files = sorted({*record.delivery_files, *record.carried})
    message = commit_message(
        name,
        record.architecture,
        record.strategy,
        [Path(file) for file in files],
        [Path(file) for file in record.vllm_files],
        evidence.current,
        excuses,
        accuracy,
    )
    found = contents(changes, record, files)
    config, tutorial = TEST_CONFIGS / f"{name}.yaml", TUTORIALS / f"{name}.md"
    config_text, tutorial_text = (found[PurePosixPath(path.as_posix())] for path in (config, tutorial))
    figures = {(task, metric): value for task, metric, value in accuracy.figures()} if accuracy is not None else {}
    check_figures(config_text, tutorial_text, figures, accuracy_rows(accuracy), str(delivery / config))
    return Prepared(record, changes, found, message)


def _edited_twice(paths: Sequence[Path]) -> CheckFailed:
    return CheckFailed(
        "edits of the same lines, here and in vLLM's tree",
        where=", ".join(map(str, paths)),
        expected="a file that is edited in one of the two places",
        remedy="make the edit in vLLM's tree, where it is served, and remove this file",
    )


def commit_plan(name: str, workspace: Workspace, accepted_device: str, excuses: Excuses = NO_EXCUSE) -> str:
    """Make the one commit; see `prepare_commit`.

    Returns:
        The hash of the commit.

    Raises:
        CheckFailed: the evidence does not suffice, or git or a hook refuses.
        UsageError: nothing was planned, or the repo is not fit for a commit.
        Refusal: what is in vLLM's tree cannot come to the delivery repo.
    """
    prepared = prepare_commit(name, workspace, accepted_device, excuses)
    apply(prepared.changes, workspace.journal, continues=True)
    workspace.save_record(prepared.record)
    return commit(prepared.delivery, prepared.contents, prepared.message)


def _with_documents(
    record: PlanRecord,
    verdicts: Sequence[Verdict],
    workspace: Workspace,
    excuses: Excuses,
    accuracy: Accuracy | None,
) -> ChangeSet:
    """Return test config and tutorial with what was shown in them, merged with what a person made of them.

    One whose edits contradict what was shown stays as its author wants it. They are a part of the run that planned
    them: `undo_last` takes both back at once.
    """
    delivery = Path(record.delivery)
    changes = ChangeSet(roots=(delivery,), earlier=workspace.earlier())
    for path, text in render_documents(record.name, record.documents, verdicts, excuses, accuracy).items():
        with suppress(Refusal):  # not ours
            filled = changes.create(delivery / path, text, generated=workspace.generated(delivery / path))
            changes = changes if filled.conflicts else filled
    return changes


def undo_last(workspace: Workspace) -> tuple[Path, ...]:
    """Take back the last run with the documents that were filled after it.

    Returns:
        The files that are as before again.
    """
    touched = undo(workspace.journal).paths
    for name in workspace.planned():
        config = TEST_CONFIGS / f"{name}.yaml"
        if any(path.parts[-len(config.parts) :] == config.parts and not path.exists() for path in touched):
            workspace.forget(name)
        else:
            _forget_edits(name, workspace, touched)
    return touched


def _forget_edits(name: str, workspace: Workspace, touched: Sequence[Path]) -> None:
    """Take edits that were undone out of a plan's record."""
    try:
        record = workspace.record(name)
    except Problem:  # it is said to whoever asks for it
        return
    roots = {VLLM: Path(record.vllm), DELIVERY: Path(record.delivery)}

    def is_undone(edit: Edit) -> bool:
        path = (roots[edit.root] / edit.path).resolve()
        return path in touched and path.is_file() and path.read_bytes() == edit.before.encode()

    kept = tuple(edit for edit in record.edits if not is_undone(edit))
    if kept != record.edits:
        workspace.save_record(replace(record, edits=kept))
