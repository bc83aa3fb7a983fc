"""What is not shown, and what is known not to work: each as a kind of its own, which languages word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scaffold.delivery.sign_off import NPU
from scaffold.evidence.account import Account
from scaffold.report.value import CommitMade, FeatureRow, Limit, Run, StaticList
from scaffold_validators.results.feature import State
from scaffold_validators.stages.table import LADDER_STAGE, PARITY_PROOFS, PARITY_STAGE, SLICE_STAGE, STAGES

ONE_OF = {PARITY_STAGE.name: SLICE_STAGE.name, SLICE_STAGE.name: PARITY_STAGE.name}
"""Stage → the one that stands for it, where that passed."""


def limits_of(
    history: Sequence[Run],
    account: Account | None,
    features: Sequence[FeatureRow],
    static: StaticList | None,
    commit: CommitMade | None,
    has_accuracy: bool,
) -> tuple[Limit, ...]:
    """Return the limits, those that matter most first."""
    current = [run for run in history if run.is_current]
    found = [*_of_gates(current, commit), *_of_accuracy(commit, has_accuracy), *_not_run(history)]
    return (*found, *_of_features(features), *_of_model(account), *_of_static(static), *_allowed(current))


def _of_gates(current: Sequence[Run], commit: CommitMade | None) -> Iterator[Limit]:
    passed = [run.verdict for run in current if run.verdict.passed]
    real = sorted({verdict.device for verdict in passed if verdict.stage == "real"})
    if not real:
        yield Limit("no-real")
    elif NPU not in real:
        yield Limit("no-npu", ", ".join(device.upper() for device in real))
    shown = {verdict.stage for verdict in passed}
    if not any(all(stage.name in shown for stage in proof) for proof in PARITY_PROOFS):
        yield Limit("no-parity", commit.without_parity if commit else "")


def _of_accuracy(commit: CommitMade | None, has_accuracy: bool) -> Iterator[Limit]:
    if not has_accuracy:
        yield Limit("no-accuracy", commit.accuracy_pending if commit else "")
    if commit is None:
        yield Limit("no-commit")
        return
    for point, _, reason in (one.partition(": ") for one in commit.excused):
        yield Limit("excused", reason, point) if reason else Limit("excused", point)


def _not_run(history: Sequence[Run]) -> Iterator[Limit]:
    """Yield the stages that have no verdict of the present state.

    The ladder is climbed for failures alone, and of the whole and a slice one comparison is enough.
    """
    passed = {run.verdict.stage for run in history if run.is_current and run.verdict.passed}
    compared = {name for name, other in ONE_OF.items() if other in passed}
    for stage in STAGES:
        runs = [run for run in history if run.verdict.stage == stage.name]
        if stage is LADDER_STAGE or stage.name in compared or any(run.is_current for run in runs):
            continue
        yield Limit("stale" if runs else "not-run", stage.name)


def _of_features(features: Sequence[FeatureRow]) -> Iterator[Limit]:
    for row in features:
        if row.state is State.UNSUPPORTED:
            yield Limit("feature-fails", row.feature)
        elif row.state is State.NOT_TRIED:
            yield Limit("feature-not-tried", row.feature)


def _of_model(account: Account | None) -> Iterator[Limit]:
    if account is None:
        yield Limit("no-account")
        return
    yield from (Limit("hole", hole.what, hole.evidence or hole.where) for hole in account.holes)
    for size, why in account.misfits.items():
        yield Limit("misfit", f"{size}: {why[0] if why else ''}")
    if account.left_out:
        yield Limit("left-out", str(account.left_out))
    yield from (Limit("unknown-tensor", name) for name in account.unknown[:MOST])
    yield from (Limit("note", note) for note in account.notes)


MOST = 5
"""Tensors that are named."""


def _of_static(static: StaticList | None) -> Iterator[Limit]:
    yield from (Limit("static-not-known", what) for what in (static.not_known if static else ()))


def _allowed(current: Sequence[Run]) -> Iterator[Limit]:
    for one in sorted({allowed for run in current for allowed in run.verdict.allowed}):
        yield Limit("allowed", one)
