"""The one commit of a planned model: what it would hold, the quality gate, and the commit itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from codemods import ChangeSet, Refusal, apply, take_back_cut_off_part
from scaffold.common.errors import CheckFailed, ScaffoldError
from scaffold.delivery.accuracy import ACCURACY, Accuracy
from scaffold.delivery.benchmark import BENCHMARK, Benchmark
from scaffold.delivery.commit import (
    check_branch,
    check_contents,
    check_readable,
    commit,
    committed_text,
    head_of,
    titles_of,
)
from scaffold.delivery.documents import document_paths, render_documents
from scaffold.delivery.excuses import NO_EXCUSE, Excuses
from scaffold.delivery.gate.case import Case, Said
from scaffold.delivery.gate.point import Row, check_rows, used
from scaffold.delivery.gate.table import look
from scaffold.delivery.layout import TEST_CONFIGS, detect
from scaffold.delivery.message import commit_message
from scaffold.delivery.sign_off import parity_proof
from scaffold.delivery.tutorial.form import tutorial_form
from scaffold.delivery.tutorial.shown import served_on_npu
from scaffold.evidence.edited import edited_files
from scaffold.evidence.gather import Evidence, gather
from scaffold.evidence.plan_record import PlanRecord
from scaffold.evidence.workspace import Workspace
from scaffold.planning.listings import catalogue
from scaffold.running.carry_over import DELIVERY, carry_over, contents, edits_of, joined_edits, other_plans
from scaffold.running.measured_lists import with_measured_lists
from scaffold.running.others_code import served_by
from scaffold.running.refused_commit import changed_by_hook, take_back
from scaffold_validators.digest import sha256_of
from scaffold_validators.verdict import Verdict


@dataclass(frozen=True)
class Delivered:
    """What one commit would hold.

    Attributes:
        record: the plan's, as it is once the commit is made.
        changes: what is written to the work tree before.
        contents: file below the repo → its text in the commit.
    """

    record: PlanRecord
    changes: ChangeSet
    contents: Mapping[PurePosixPath, str]
    served_by: str
    """The name of the plan whose code serves this one; empty where it has its own, or vLLM's own serves it."""


@dataclass(frozen=True)
class Undelivered:
    """Why the contents of a commit could not be gathered, and the files of its repo as they would be before it."""

    error: Said
    changes: ChangeSet


@dataclass(frozen=True)
class Prepared(Delivered):
    """A commit that could be made, what it would say, and how each point of the quality gate ended."""

    message: str
    rows: tuple[Row, ...]
    verdicts: tuple[Verdict, ...]
    """Those that hold for it."""

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


def recover(workspace: Workspace) -> None:
    """Take back what a commit that was cut off had begun to write; the plan stays.

    Raises:
        Refusal: a file of it was edited since.
    """
    take_back_cut_off_part(workspace.journal)


def prepare_commit(name: str, workspace: Workspace, accepted_device: str, excuses: Excuses = NO_EXCUSE) -> Prepared:
    """Hold the quality gate against a model, and gather what the one commit holds; writes nothing.

    Args:
        name: the model's.
        workspace: where it was planned.
        accepted_device: ``npu``, or another device that the user has named.
        excuses: what is not shown, and why; message and documents say it where it is not.

    Raises:
        GateRefused: points are missing; each is named, and all are in its table.
        UsageError: nothing was planned.
        Problem: a record does not fit.
    """
    evidence = gather(workspace, name)
    accuracy = workspace.measured(ACCURACY, name)
    benchmark = _current(workspace.measured(BENCHMARK, name), evidence.digests)
    excuses = _needed(excuses, evidence, accepted_device, accuracy)
    found = _deliver(evidence, workspace, excuses, accuracy, benchmark)
    rows = look(_case(evidence, workspace, accepted_device, excuses, accuracy, benchmark, found))
    check_rows(rows)
    excuses = replace(excuses, without=used(excuses.without, rows))
    assert isinstance(found, Delivered)
    record = found.record
    message = commit_message(
        name,
        record.architecture,
        record.strategy,
        [Path(file) for file in found.contents],
        [Path(file) for file in record.vllm_files],
        evidence.current,
        excuses,
        accuracy,
        titles_of(Path(record.delivery)),
        found.served_by,
    )
    return Prepared(record, found.changes, found.contents, found.served_by, message, rows, evidence.current)


def _needed(excuses: Excuses, evidence: Evidence, accepted_device: str, accuracy: Accuracy | None) -> Excuses:
    """Return the excuses without those for what was shown: there is nothing to excuse."""
    if parity_proof(evidence.verdicts, evidence.digests, accepted_device):
        excuses = replace(excuses, without_parity="")
    if accuracy is not None:
        excuses = replace(excuses, accuracy_pending="")
    return excuses


def _current(benchmark: Benchmark | None, digests: Mapping[str, str]) -> Benchmark | None:
    """Return a benchmark of exactly these trees and this checkpoint; one of another state says nothing of them."""
    return benchmark if benchmark is not None and benchmark.digests == digests else None


def _deliver(
    evidence: Evidence,
    workspace: Workspace,
    excuses: Excuses,
    accuracy: Accuracy | None,
    benchmark: Benchmark | None,
) -> Delivered | Undelivered:
    """Return what the commit would hold, or why that cannot be gathered."""
    record, delivery = evidence.record, Path(evidence.record.delivery)
    versions = next((verdict.versions for verdict in evidence.current if verdict.versions), {})
    changes = ChangeSet((delivery,))
    try:
        check_readable(delivery)
        changes = _with_documents(record, evidence.current, workspace, excuses, accuracy, benchmark)
        filled = set(changes.paths)
        on_npu = served_on_npu(evidence.current)
        changes = with_measured_lists(changes, delivery, record.name, record.documents, accuracy, on_npu)
        changes = carry_over(changes, record, workspace, versions.get("vllm", "unknown"))
        return delivered(record, changes, filled, workspace)
    except (ScaffoldError, Refusal) as error:
        return Undelivered(error, changes)


def delivered(record: PlanRecord, changes: ChangeSet, filled: Set[Path], workspace: Workspace) -> Delivered:
    """Return what a commit holds of a plan's files, in a repo with these changes.

    Args:
        record: the plan's.
        changes: what is written before the commit.
        filled: those of its files that are the plan's own documents; the others come from vLLM's tree.
        workspace: where it was planned.

    Raises:
        CheckFailed: a file was edited in two places, is gone, or has lines that are not the plan's alone; or the code
            that serves the model is another plan's, and not committed.
    """
    delivery = Path(record.delivery)
    if changes.conflicts:
        raise _edited_twice(changes.conflicts)
    others = [one for one in other_plans(workspace, record.name) if one.delivery == record.delivery]
    new = [path.relative_to(delivery.resolve()) for path in changes.paths if path not in filled]
    record = replace(
        record,
        carried=tuple(sorted({*record.carried, *(file.as_posix() for file in new)})),
        edits=joined_edits(record.edits, edits_of(changes, {DELIVERY: delivery}, workspace, others)),
    )
    _check_as_served(changes, [delivery.resolve() / file for file in record.carried], workspace)
    files = sorted({*record.delivery_files, *record.carried})
    return Delivered(record, changes, contents(changes, record, files, others), served_by(record, workspace))


def _check_as_served(changes: ChangeSet, carried: Sequence[Path], workspace: Workspace) -> None:
    """Check that what comes from vLLM's tree is committed as it was served there.

    Raises:
        CheckFailed: somebody edited it in the delivery repo.
    """
    changed = {change.path: change for change in changes.changes}
    edited = []
    for path in carried:
        change, known = changed.get(path), workspace.generated(path)
        if change is not None:
            is_edited = change.generated is not None and change.after != change.generated
        else:
            is_edited = known is not None and (not path.is_file() or sha256_of(path) != known)
        if is_edited:
            edited.append(path)
    if edited:
        raise _edited_twice(edited)


def _case(
    evidence: Evidence,
    workspace: Workspace,
    accepted_device: str,
    excuses: Excuses,
    accuracy: Accuracy | None,
    benchmark: Benchmark | None,
    found: Delivered | Undelivered,
) -> Case:
    delivery, name = Path(evidence.record.delivery), evidence.record.name
    config, tutorial = document_paths(name, evidence.record.documents)

    def held(file: PurePosixPath) -> str | None:
        if isinstance(found, Undelivered):  # what is wrong there is wrong with no document
            return found.changes.read(delivery / file)
        return found.contents[file] if file in found.contents else committed_text(delivery, file)

    return Case(
        name=name,
        checkpoint=Path(evidence.record.checkpoint),
        work=workspace.work,
        is_multimodal=evidence.checkpoint.is_multimodal,
        verdicts=evidence.verdicts,
        digests=evidence.digests,
        accepted_device=accepted_device,
        excuses=excuses,
        accuracy=accuracy,
        benchmark=benchmark,
        config=PurePosixPath(config.as_posix()),
        tutorial=PurePosixPath(tutorial.as_posix()),
        index=PurePosixPath(detect(delivery).index.as_posix()),
        held=held,
        undeliverable=None if isinstance(found, Delivered) else found.error,
        unfit=_unfit(delivery),
        edited=edited_files(evidence.record, workspace.generated),
    )


def _unfit(delivery: Path) -> Said | None:
    try:
        check_branch(delivery)
    except ScaffoldError as error:
        return error
    return None


def _edited_twice(paths: Sequence[Path]) -> CheckFailed:
    return CheckFailed(
        "edits of what was served from vLLM's tree",
        where=", ".join(map(str, paths)),
        expected="a file that is edited in vLLM's tree alone",
        remedy="make the edit in vLLM's tree, where it is served, and remove this file",
    )


def commit_plan(workspace: Workspace, prepared: Prepared) -> str:
    """Make the one commit.

    Returns:
        Its hash.

    Raises:
        CheckFailed: git or a hook refuses. What was written for the commit is taken back.
        UsageError: the repo is not fit for a commit.
        Refusal: a file was written to since it was prepared.
    """
    name = prepared.record.name
    earlier, head = workspace.record(name), head_of(prepared.delivery)
    config = prepared.delivery / TEST_CONFIGS / f"{name}.yaml"
    workspace.save_record(prepared.record)  # before the files: a kill in between forgets none of them
    try:
        apply(prepared.changes, workspace.journal, continues=config)
        made = commit(prepared.delivery, prepared.contents, prepared.message)
    except BaseException as error:
        is_refused = head_of(prepared.delivery) == head
        changed = take_back(prepared.changes, prepared.record, earlier, workspace) if is_refused else ()
        if isinstance(error, CheckFailed) and changed:
            raise changed_by_hook(error, changed) from error
        raise
    workspace.save_record(replace(prepared.record, commits=(*prepared.record.commits, made)))
    return made


def _with_documents(
    record: PlanRecord,
    verdicts: Sequence[Verdict],
    workspace: Workspace,
    excuses: Excuses,
    accuracy: Accuracy | None,
    benchmark: Benchmark | None,
) -> ChangeSet:
    """Return test config, tutorial and its catalogue with what was shown, merged with what a person made of them.

    One whose edits contradict what was shown stays as its author wants it. They are a part of the run that planned
    them: `undo_last` takes all back at once.
    """
    delivery = Path(record.delivery)
    changes = ChangeSet(roots=(delivery,), earlier=workspace.earlier())
    texts = render_documents(record.name, record.documents, verdicts, excuses, accuracy, benchmark)
    texts |= _translated(record, texts[document_paths(record.name, record.documents)[1]])
    for path, text in texts.items():
        with suppress(Refusal):  # not ours
            filled = changes.create(delivery / path, text, generated=workspace.generated(delivery / path))
            changes = changes if filled.conflicts else filled
    return changes


def _translated(record: PlanRecord, page: str) -> dict[Path, str]:
    """Return the catalogue of a tutorial's text, if the plan wrote one: path below the repo → text."""
    delivery = Path(record.delivery)
    layout = detect(delivery)
    made = catalogue(delivery, layout, tutorial_form(delivery, layout).sections, record.name, page)
    return dict([made]) if made is not None and made[0].as_posix() in record.delivery_files else {}
