"""What dummy and real weights showed, and what only real ones can: dummy evidence never stands for real."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scaffold.evidence.account import Account
from scaffold.report.value import ProofRow, Run, Shown

QUANTIZATION = "quantization"
"""The name of the fact (scaffold/checkpoint/about.py)."""


@dataclass(frozen=True)
class Subject:
    """A thing to be shown.

    Attributes:
        random: stages on random weights that show it; none where these never can.
        real: stages on the checkpoint's weights that show it.
        ranks: the smallest tensor-parallel size at which it is about anything.
        applies: whether a model has it at all; None where that is not known.
    """

    name: str
    random: tuple[str, ...]
    real: tuple[str, ...]
    ranks: int = 1
    applies: Callable[[Account], bool] = lambda account: True


def _is_quantised(account: Account) -> bool:
    return any(fact.name == QUANTIZATION and not fact.value.startswith("none") for fact in account.facts)


SUBJECTS = (
    Subject("architecture", ("dummy",), ("real",)),
    Subject("operators", ("dummy",), ("real",)),
    Subject("api", ("dummy",), ("real",)),
    Subject("computation", ("twin",), ("parity", "slice")),
    Subject("weight-names", (), ("real",)),
    Subject("dequantisation", (), ("real",), applies=_is_quantised),
    Subject("shards", (), ("real",), ranks=2),
    Subject("output", (), ("real",)),
    Subject("stability", (), ("real",)),
)
"""The second half is what the checklist of vllm-ascend's model adapter calls real-only risks."""


def proofs_of(current: Sequence[Run], account: Account | None) -> tuple[ProofRow, ...]:
    """Return a row for each subject, from the runs that hold."""
    return tuple(_row(subject, current, account) for subject in SUBJECTS)


def _row(subject: Subject, current: Sequence[Run], account: Account | None) -> ProofRow:
    random = _of(current, subject.random, 1)
    real = _of(current, subject.real, subject.ranks)
    said = Shown.NOT_APPLICABLE if account is not None and not subject.applies(account) else _shown(real)
    numbers = () if said is Shown.NOT_APPLICABLE else tuple(run.number for run in (*random, *real))
    return ProofRow(subject.name, _shown(random) if subject.random else Shown.CANNOT, said, numbers)


def _of(current: Sequence[Run], stages: Sequence[str], ranks: int) -> list[Run]:
    return [r for r in current if r.verdict.stage in stages and r.verdict.tensor_parallel_size >= ranks]


def _shown(runs: Sequence[Run]) -> Shown:
    """Return what runs showed: a failure counts more than a pass; what could not be compared shows nothing."""
    if any(run.verdict.failed for run in runs):
        return Shown.NO
    return Shown.YES if any(run.verdict.passed for run in runs) else Shown.NOT_RUN
