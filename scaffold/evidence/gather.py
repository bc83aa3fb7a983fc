"""The verdicts that count for a model: those on exactly the present trees and checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.common.errors import UsageError
from scaffold.evidence.digests import present_digests, weights_digest
from scaffold.evidence.plan_record import PlanRecord
from scaffold.evidence.workspace import Workspace
from scaffold.roots.vllm_tree import read_vllm_tree
from scaffold_validators.problem import Problem
from scaffold_validators.verdict import WEIGHTS, Verdict


@dataclass(frozen=True)
class Evidence:
    """A planned model as it is now, and what was shown of it."""

    record: PlanRecord
    checkpoint: Checkpoint
    digests: Mapping[str, str]
    verdicts: tuple[Verdict, ...]
    """The newest of each stage and size, those of earlier states too."""

    @property
    def current(self) -> tuple[Verdict, ...]:
        """Return the verdicts that hold for the present state."""
        return tuple(verdict for verdict in self.verdicts if verdict.holds_for(self.digests))


def gather(workspace: Workspace, name: str, checkpoint: Checkpoint | None = None, sums: bool = False) -> Evidence:
    """Collect what is known of a planned model.

    Args:
        workspace: where it was planned.
        name: the model's.
        checkpoint: as it is on disk; None to read it.
        sums: whether the content of its weights is read; it always is where a verdict has its digest.

    Raises:
        UsageError: nothing was planned for it, or the tree is gone.
        CheckpointError: the checkpoint cannot be read any more.
        Problem: a record of it does not fit.
    """
    record = workspace.record(name)
    checkpoint = checkpoint or read_checkpoint(Path(record.checkpoint))
    verdicts = workspace.verdicts(name)
    tree, plans = read_vllm_tree(Path(record.vllm)), _plans(workspace, record)
    digests = present_digests(tree, Path(record.delivery), plans, checkpoint)
    if sums or any(WEIGHTS in verdict.digests for verdict in verdicts):
        digests[WEIGHTS] = weights_digest(checkpoint)
    return Evidence(record, checkpoint, digests, verdicts)


def _plans(workspace: Workspace, record: PlanRecord) -> list[PlanRecord]:
    """Return all plans with the same repo; one whose record does not fit is said where it is asked for."""
    found = [record]
    for name in workspace.planned():
        with suppress(Problem):
            if name != record.name:
                found.append(workspace.record(name))
    return [plan for plan in found if plan.delivery == record.delivery]


def check_planned(record: PlanRecord, checkpoint: Path) -> None:
    """Check that a checkpoint is the one that a name was planned for.

    Raises:
        UsageError: it is another.
    """
    if checkpoint.resolve() != Path(record.checkpoint).resolve():
        raise UsageError(
            f"{checkpoint}, and {record.name} was planned for {record.checkpoint}",
            where="the call",
            expected="the checkpoint that the name was planned for",
            remedy="pass that one, or the --name of the other",
        )


def check_name(workspace: Workspace, name: str, checkpoint: Path) -> None:
    """Check that a name is free for a checkpoint, or is this one's already: two under one name would be merged.

    Raises:
        UsageError: it is another's, or differs from another's in case alone, which some file systems do not tell.
    """
    for known in workspace.planned():
        if known != name and known.lower() == name.lower():
            raise UsageError(
                f"the name {name!r}, and {known!r} was planned here",
                where="--name",
                expected="a name that differs from all others in more than case",
                remedy=f"pass --name {known} if it is the same model, else another name",
            )
    if name not in workspace.planned():
        return
    planned = Path(workspace.record(name).checkpoint)
    if checkpoint.resolve() != planned.resolve():
        raise UsageError(
            f"{checkpoint}, and {name} was planned for {planned}",
            where="--name",
            expected="a name of its own for each checkpoint",
            remedy="pass another --name; if the checkpoint moved, scaffold undo takes runs back, the last one first, "
            f"up to that of {name}",
        )
