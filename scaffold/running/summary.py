"""What is left to say once a commit is made: hash, files, commands, limits, reasons."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scaffold.delivery.gate.point import State
from scaffold.running.committing import Prepared
from scaffold_validators.results.feature import State as FeatureState


@dataclass(frozen=True)
class Summary:
    """One commit.

    Attributes:
        files: what it holds, below the repo.
        commands: what for → the command.
        limits: what was seen not to work, or was not tried.
        reasons: points of the quality gate that a reason stands in for.
    """

    commit: str
    repo: Path
    files: tuple[str, ...]
    commands: Mapping[str, str]
    limits: tuple[str, ...]
    reasons: tuple[str, ...]


def summary_of(commit: str, prepared: Prepared) -> Summary:
    """Return the summary of a commit that was made."""
    repo = shlex.quote(str(prepared.delivery))
    served = next((row.answer.says for row in prepared.rows if row.point.id == "served"), "")
    commands = {
        "serve": served,
        "show": f"git -C {repo} show {commit}",
        "take back": f"git -C {repo} revert {commit}",
    }
    return Summary(
        commit=commit,
        repo=prepared.delivery,
        files=tuple(str(file) for file in prepared.contents),
        commands=commands,
        limits=tuple(_limits(prepared)),
        reasons=tuple(
            f"{row.point.id}: {row.answer.says}" for row in prepared.rows if row.answer.state is State.REASONED
        ),
    )


def _limits(prepared: Prepared) -> Iterator[str]:
    for verdict in prepared.verdicts:
        for result in verdict.features:
            if result.state in (FeatureState.UNSUPPORTED, FeatureState.CHECKPOINT_LACKS):
                yield f"{result.feature}: {result.state.value}, {result.evidence}"
        found = verdict.capacity
        if found is not None and found.practical_len is not None and found.practical_len != found.theoretical_len:
            most = found.theoretical_len or "an unstated number"
            yield f"length: {found.practical_len} tokens were seen to serve, of {most}"
    devices = sorted({verdict.device for verdict in prepared.verdicts} - {""})
    if "npu" not in devices:
        yield f"not tried on an NPU: the evidence is of {', '.join(devices)}"
