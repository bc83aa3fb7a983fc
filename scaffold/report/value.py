"""The report as one value: all that is known of a planned model, from records and files alone.

Nothing in it is worded for a language: renderings (Markdown, a page, a comment) word it. What was not run is there as
such, never left out: an empty value says that nothing was kept of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from scaffold.common.calls import Calls, calls_for
from scaffold.delivery.accuracy import Accuracy
from scaffold.delivery.benchmark import Benchmark
from scaffold.evidence.account import Account
from scaffold_validators.results.capacity import CapacityResult
from scaffold_validators.results.feature import State
from scaffold_validators.results.ladder import LadderStep
from scaffold_validators.verdict import Verdict


@dataclass(frozen=True)
class Identity:
    """What the report is about, and where it lies.

    Attributes:
        strategy: a row of ``STRATEGIES``.
        placement: a row of ``PLACEMENTS``; empty where the plan kept none.
        model_id: as the model is published, or its name.
        work: the directory that ``vllm serve`` is started from.
    """

    name: str
    architecture: str
    strategy: str
    placement: str
    model_id: str
    checkpoint: str
    vllm: str
    delivery: str
    work: str


class Role(Enum):
    """What a changed file is for."""

    ADAPTER = "adapter"
    CONFIG_CLASS = "config-class"
    REGISTRATION = "registration"
    PATCH = "patch"
    TEST_CONFIG = "test-config"
    TUTORIAL = "tutorial"
    INDEX = "index"
    TRANSLATION = "translation"
    OTHER = "other"


@dataclass(frozen=True)
class ChangedFile:
    """A file that the plan created or edited.

    Attributes:
        root: the label of its tree, ``vllm`` or ``delivery``.
        path: below that, with slashes.
        created: whether the plan made it; else it edited one that was there.
        diff: a unified diff of what the plan did; of a file that it made, its whole text as it is now.
        is_there: whether the file is still there.
        is_edited: whether a person edited it since it was generated.
    """

    root: str
    path: str
    role: Role
    created: bool
    added: int
    removed: int
    diff: str
    is_there: bool = True
    is_edited: bool = False


@dataclass(frozen=True)
class Run:
    """One verdict of the model's history.

    Attributes:
        number: from 1, the oldest first.
        is_current: it is of the state that the report is on, and none of its stage and size is newer.
    """

    number: int
    verdict: Verdict
    is_current: bool


@dataclass(frozen=True)
class FeatureRow:
    """One feature; ``state`` is None where stage features was not run and the checkpoint alone does not decide it."""

    feature: str
    title: str
    state: State | None
    evidence: str
    command: str = ""
    log: str = ""
    numbers: Mapping[str, float] | None = None


class Shown(Enum):
    """Whether a stage showed something."""

    YES = "yes"
    NO = "no"
    """It was run, and failed."""
    NOT_RUN = "not-run"
    CANNOT = "cannot"
    """Weights of that sort never show it, whatever the outcome."""
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True)
class ProofRow:
    """One thing to be shown of a server, and whether random and real weights showed it.

    Attributes:
        subject: a row of ``SUBJECTS`` (scaffold/report/proofs.py).
        runs: numbers of the runs that it rests on.
    """

    subject: str
    dummy: Shown
    real: Shown
    runs: tuple[int, ...] = ()

    @property
    def only_real(self) -> bool:
        """Return whether real weights alone can show it."""
        return self.dummy is Shown.CANNOT


@dataclass(frozen=True)
class RootCause:
    """A failure that was met.

    Attributes:
        number: of the run.
        is_mended: a later run of the same stage and size passed.
    """

    number: int
    stage: str
    tensor_parallel_size: int
    outcome: str
    cause: str
    signature: str
    meaning: str
    next_step: str
    is_mended: bool


@dataclass(frozen=True)
class Climb:
    """A ladder that was climbed: what was tried in which order, and what that tells."""

    number: int
    steps: tuple[LadderStep, ...]
    tells: str


@dataclass(frozen=True)
class Answered:
    """A request, and what came back.

    Attributes:
        request: its body as JSON, on one line; empty of a GET.
        content: the generated text.
    """

    stage: str
    path: str
    request: str
    status: int
    content: str
    prompt_tokens: int | None
    tokens: int | None
    seconds: float
    finish_reason: str


@dataclass(frozen=True)
class LogLine:
    """A line of a log that says how far a server came."""

    log: str
    number: int
    text: str


@dataclass(frozen=True)
class StaticList:
    """What stage static found: kernels by what becomes of them, and what it could not tell.

    Attributes:
        soc: the generation of NPUs; empty where no tree of vllm-ascend was looked at.
        kernels: what becomes of kernels → how many; ``kernel_names`` → which, of records that have them.
        limits: of that generation of NPUs, which the model meets.
        stops: what speaks against a server, those allowed by the user too.
    """

    outcome: str
    reason: str
    command: str
    served_by: str
    soc: str
    kernels: Mapping[str, int]
    kernel_names: Mapping[str, tuple[str, ...]]
    limits: tuple[str, ...]
    stops: tuple[str, ...]
    allowed: tuple[str, ...]
    not_known: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """A command for the runbook.

    Attributes:
        text: to be typed from the work directory; empty where there is none.
        origin: ``record``: a gate ran or sent exactly this; ``derived``: it is that with one thing changed;
            ``written``: no gate has it.
        outcome: how the run ended that is its evidence; empty where none was.
    """

    text: str
    origin: str
    outcome: str = ""

    @property
    def is_recorded(self) -> bool:
        """Return whether a gate ran exactly this."""
        return self.origin == "record"


@dataclass(frozen=True)
class Runbook:
    """What somebody types who serves the model, each in the order of the day; None where no gate was run.

    Attributes:
        stage: that started the server.
        is_current: that run is of the state that the report is on.
        is_redacted: secrets were taken out of its command.
        has_stand_ins: its command lets PyTorch code stand in for kernels of that engine that answer wrongly.
        probe: asks which models are served; ``requests`` are those that the gate sent, ``answers`` the texts that came
            back.
        is_eager: the start is in eager mode already.
    """

    stage: str
    device: str
    outcome: str
    is_current: bool
    is_redacted: bool
    has_stand_ins: bool
    start: Command
    probe: Command
    requests: tuple[Command, ...]
    answers: tuple[str, ...]
    is_eager: bool
    eager: Command
    no_dynamo: Command
    stop: Command


@dataclass(frozen=True)
class Limit:
    """A limit of what was shown: a row of the words' ``limits``, and what fills it.

    Attributes:
        detail: a number, a name or a sentence; empty where the kind says it all.
        of: what the detail is said of, where that is no sentence: the place of a hole, a point of the quality gate.
    """

    kind: str
    detail: str = ""
    of: str = ""


@dataclass(frozen=True)
class CommitMade:
    """The commit of this plan, found in the delivery repo by the digest of its evidence.

    Attributes:
        signature: git's letter for the signature: ``G`` a good one, ``N`` none, and so on (git-log, ``%G?``).
        signed_off: whether it has a sign-off line.
        without_parity: the reason that its message gives; empty where it gives none. ``accuracy_pending`` likewise.
        excused: other points that were not shown, each with its reason.
    """

    hash: str
    subject: str
    date: str
    signature: str
    signed_off: bool
    files: tuple[str, ...]
    without_parity: str = ""
    accuracy_pending: str = ""
    excused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """All that is known of a planned model.

    Attributes:
        account: what its newest plan found out; None of a plan that kept nothing.
        account_holds: that was of the checkpoint as it is now.
        basis: which state evidence has to be of to count: ``present``, trees and checkpoint as they are now; or
            ``commit``, as they were when the commit was made, where nothing was shown of the present ones.
        summary: a line on the architecture.
        history: all verdicts, the oldest first.
        features: a row for each feature, in the order of the table.
        capacity: the newest that holds, None where stage capacity was not run; ``capacity_outcome`` with it.
        proofs: what dummy and real weights showed.
        accuracy: the newest evaluation; ``accuracy_holds``: of exactly these trees and this checkpoint.
        benchmark: what ``vllm bench serve`` measured last; ``benchmark_holds`` likewise.
        runbook: None where no server was started.
        commit: None where there is none of this plan in the delivery repo.
        tool: the version of this tool.
    """

    identity: Identity
    account: Account | None
    account_holds: bool
    basis: str
    summary: str
    changes: tuple[ChangedFile, ...]
    history: tuple[Run, ...]
    causes: tuple[RootCause, ...]
    false_ready: tuple[RootCause, ...]
    climbs: tuple[Climb, ...]
    answers: tuple[Answered, ...]
    log_lines: tuple[LogLine, ...]
    features: tuple[FeatureRow, ...]
    capacity: CapacityResult | None
    capacity_outcome: str
    proofs: tuple[ProofRow, ...]
    static: StaticList | None
    accuracy: Accuracy | None
    accuracy_holds: bool
    benchmark: Benchmark | None
    benchmark_holds: bool
    runbook: Runbook | None
    limits: tuple[Limit, ...]
    commit: CommitMade | None
    tool: str

    @property
    def calls(self) -> Calls:
        """Return how this tool is called for the model, from its work directory."""
        return calls_for(self.identity.name, self.identity.checkpoint)

    @property
    def current(self) -> tuple[Run, ...]:
        """Return the runs that hold now, in the order in which they were made."""
        return tuple(run for run in self.history if run.is_current)

    def run_of(self, stage: str) -> Run | None:
        """Return the newest run of a stage that holds now, None if there is none."""
        return next((run for run in reversed(self.history) if run.is_current and run.verdict.stage == stage), None)
