"""Gathers the report from what a work directory holds and what the delivery repo says of its commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from scaffold.checkpoint.read import Checkpoint
from scaffold.delivery.accuracy import ACCURACY
from scaffold.delivery.benchmark import BENCHMARK
from scaffold.evidence.account import Account
from scaffold.evidence.gather import Evidence, gather
from scaffold.evidence.workspace import Workspace
from scaffold.report.causes import causes_of, climbs_of, false_ready_of
from scaffold.report.changes import changes_of
from scaffold.report.commands import runbook_of
from scaffold.report.commit_made import commit_of
from scaffold.report.evidence import answers_of, log_lines_of, static_of
from scaffold.report.features import features_of
from scaffold.report.limits import limits_of
from scaffold.report.proofs import proofs_of
from scaffold.report.value import Identity, Report, Run
from scaffold_validators.verdict import Verdict

PRESENT, COMMIT = "present", "commit"
"""The states that a report can be on."""
DISTRIBUTION = "vllm-ascend-scaffold"


def gather_report(workspace: Workspace, name: str, checkpoint: Checkpoint | None = None) -> Report:
    """Collect all that is known of a planned model; writes nothing and starts nothing.

    Args:
        workspace: where it was planned.
        name: the model's.
        checkpoint: as it is on disk; None to read it.

    Raises:
        UsageError: nothing was planned for it, the tree is gone, or git does not answer.
        CheckpointError: the checkpoint cannot be read any more.
        Problem: a record of it does not fit.
    """
    evidence = gather(workspace, name, checkpoint)
    account, accuracy = workspace.account(name), workspace.measured(ACCURACY, name)
    benchmark = workspace.measured(BENCHMARK, name)
    verdicts = workspace.history(name)
    commit, named = commit_of(evidence.record, counted(verdicts, evidence.digests))
    digests, basis = _state(verdicts, evidence.digests, named)
    history = counted(verdicts, digests, is_committed=bool(named))
    current = [run for run in history if run.is_current]
    features, static, causes = features_of(current, account), static_of(current), causes_of(history)
    runbook = runbook_of(history)
    capacity = next((run.verdict for run in reversed(current) if run.verdict.capacity is not None), None)
    accuracy_holds = accuracy is not None and accuracy.digests == digests
    return Report(
        identity=_identity(evidence, account, workspace),
        account=account,
        account_holds=account is not None and account.checkpoint_digest == evidence.checkpoint.digest,
        basis=basis,
        summary=str(evidence.record.documents.get("summary") or ""),
        changes=changes_of(evidence.record, workspace.generated),
        history=history,
        causes=causes,
        false_ready=false_ready_of(causes),
        climbs=climbs_of(history),
        answers=answers_of(current),
        log_lines=log_lines_of(_shown_server(current)),
        features=features,
        capacity=capacity.capacity if capacity else None,
        capacity_outcome=capacity.outcome.value if capacity else "",
        proofs=proofs_of(current, account),
        static=static,
        accuracy=accuracy,
        accuracy_holds=accuracy_holds,
        benchmark=benchmark,
        benchmark_holds=benchmark is not None and benchmark.digests == digests,
        runbook=runbook,
        limits=limits_of(history, account, features, static, commit, accuracy_holds),
        commit=commit,
        tool=_tool(),
    )


def counted(verdicts: Sequence[Verdict], digests: Mapping[str, str], is_committed: bool = False) -> tuple[Run, ...]:
    """Return the history; of each stage and size the newest verdict counts, and that only for these digests.

    What was tried of another state since a commit does not hide what the commit rests on: of what was committed the
    newest verdict of that very state counts.
    """
    newest = {
        (verdict.stage, verdict.tensor_parallel_size): number
        for number, verdict in enumerate(verdicts, 1)
        if not is_committed or verdict.holds_for(digests)
    }
    return tuple(
        Run(number, verdict, number in newest.values() and verdict.holds_for(digests))
        for number, verdict in enumerate(verdicts, 1)
    )


def _state(
    verdicts: Sequence[Verdict], present: Mapping[str, str], named: Sequence[int]
) -> tuple[Mapping[str, str], str]:
    """Return the digests that evidence has to be of: the present ones, or those of the commit where nothing is newer.

    A plan for another model changes vLLM's tree; what was shown of the state that was committed is still that.
    """
    if not named or any(verdict.holds_for(present) for verdict in verdicts):
        return present, PRESENT
    return verdicts[named[-1] - 1].digests, COMMIT


def _shown_server(current: Sequence[Run]) -> Run | None:
    """Return the run whose log is shown: with real weights, else with dummy ones."""
    for stage in ("real", "dummy"):
        for run in reversed(current):
            if run.verdict.stage == stage:
                return run
    return None


def _identity(evidence: Evidence, account: Account | None, workspace: Workspace) -> Identity:
    record = evidence.record
    return Identity(
        name=record.name,
        architecture=record.architecture,
        strategy=record.strategy,
        placement=account.placement if account else "",
        model_id=account.model_id if account else record.name,
        checkpoint=record.checkpoint,
        vllm=record.vllm,
        delivery=record.delivery,
        work=str(workspace.work),
    )


def _tool() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return ""
