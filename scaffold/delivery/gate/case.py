"""What the points of the quality gate are held against: a model, what was shown of it, what would be committed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from codemods import Refusal
from scaffold.common.calls import Calls, calls_for
from scaffold.common.errors import ScaffoldError
from scaffold.delivery.accuracy import Accuracy
from scaffold.delivery.benchmark import Benchmark
from scaffold.delivery.excuses import NO_EXCUSE, Excuses
from scaffold_validators.stages.stage import Stage
from scaffold_validators.stages.table import STAGES
from scaffold_validators.verdict import Verdict

Said = ScaffoldError | Refusal
"""An error in the fixed form: what was found, where, what was expected, what to do."""


NO_FILE = PurePosixPath()


def _holds_nothing(file: PurePosixPath) -> None:
    """Stand for a repo without a file."""


@dataclass(frozen=True)
class Case:
    """One model before its commit.

    Attributes:
        name: the model's.
        checkpoint: its directory.
        work: where it was planned; None where that does not matter.
        is_multimodal: whether it takes pictures.
        verdicts: the newest of each stage and size, those of earlier states too.
        digests: of trees and checkpoint as they are now.
        accepted_device: ``npu``, or another device that the user has named.
        excuses: what is not shown, and why.
        accuracy: the newest evaluation; None without one.
        benchmark: what ``vllm bench serve`` measured of this very state; None where it was not run.
        config: its test config, below the repo.
        tutorial: its tutorial.
        index: the file that lists the tutorials.
        held: text of a file as the repo has it after the commit; None where it has none.
        undeliverable: why the contents of the commit could not be gathered; None if they could.
        unfit: why no commit can be made in the repo; None if one can.
        edited: files that were edited by hand since they were generated.
        stages: the table of stages.
    """

    name: str
    checkpoint: Path
    work: Path | None = None
    is_multimodal: bool = False
    verdicts: Sequence[Verdict] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    accepted_device: str = "npu"
    excuses: Excuses = NO_EXCUSE
    accuracy: Accuracy | None = None
    benchmark: Benchmark | None = None
    config: PurePosixPath = NO_FILE
    tutorial: PurePosixPath = NO_FILE
    index: PurePosixPath = NO_FILE
    held: Callable[[PurePosixPath], str | None] = _holds_nothing
    undeliverable: Said | None = None
    unfit: Said | None = None
    edited: Sequence[str] = ()
    stages: Sequence[Stage] = STAGES

    @property
    def calls(self) -> Calls:
        """Return how this tool is called for the model."""
        return calls_for(self.name, str(self.checkpoint), self.work)

    def current(self, stage: str) -> tuple[Verdict, ...]:
        """Return the verdicts of a stage that hold for the present state."""
        return tuple(v for v in self.verdicts if v.stage == stage and v.holds_for(self.digests))

    def passed(self, stage: str) -> tuple[Verdict, ...]:
        """Return those that passed on an accepted device."""
        devices = {"npu", self.accepted_device}
        return tuple(v for v in self.current(stage) if v.passed and v.device in devices)
