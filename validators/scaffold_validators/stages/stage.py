"""What a stage is: a row of ``table.py``, and the functions of its own file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from scaffold_validators.diagnosis import Diagnosis, Finding
from scaffold_validators.model_facts import ModelFacts
from scaffold_validators.openai_api import Client, Exchange
from scaffold_validators.outcome import Conclusion
from scaffold_validators.parity.settings import ParitySettings
from scaffold_validators.serve import Patience, Report, ServePlan
from scaffold_validators.verdict import Verdict
from scaffold_validators.watching.doing import ProcessState


@dataclass(frozen=True)
class Gate:
    """What all stages of one model share.

    Attributes:
        plan: how its server is started, at the first of the tensor-parallel sizes.
        digests: of what verdicts hold for.
        logs: the folder of the serve logs.
        report: what tells a person who waits.
        vocab_size: ids of tokens in prompts are smaller.
        patience: how long is waited.
        hear: gets each line of a server's log, in another thread.
        allow: ids of findings that are no failure here; they are on record.
        facts: what decides which features the model has.
        search: whether stage capacity looks for the largest length that serves.
        climbs: whether the ladder is climbed where a server fails.
        parity: what prompts and reference of stage parity depend on.
    """

    plan: ServePlan
    has_chat_template: bool
    is_multimodal: bool
    digests: Mapping[str, str]
    logs: Path
    report: Report
    vocab_size: int = 256
    patience: Patience = field(default_factory=Patience)
    hear: Callable[[str], None] = lambda line: None
    allow: tuple[str, ...] = ()
    facts: ModelFacts = field(default_factory=ModelFacts)
    search: bool = False
    climbs: bool = False
    parity: ParitySettings = field(default_factory=ParitySettings)


@dataclass(frozen=True)
class Answers:
    """What a stage got from the server.

    Attributes:
        exchanges: its requests for text, with what came back; one without text does not pass. What other requests
            say goes to ``numbers`` and ``conclusion``.
        numbers: what was measured, for the verdict.
        conclusion: what the stage makes of them by itself; None where the common rules suffice.
        afterwards: what else the stage does with them, once the server has ended and left the machine free; what it
            returns stands in their place. None where that is all.
    """

    exchanges: tuple[Exchange, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)
    conclusion: Conclusion | None = None
    afterwards: Callable[[Served], Answers] | None = None


@dataclass(frozen=True)
class Served:
    """A server from its start to its end.

    Attributes:
        unready: why it did not become ready; None if it did.
        died: how it died before it was ended; empty if it did not.
        log: its whole text.
        diagnosis: of the log.
        survivors: processes that could not be ended.
        states: what its processes did when it was given up.
        log_failure: why the log could not be kept; None if it was.
        allow: ids of findings that are no failure here.
    """

    unready: Conclusion | None
    died: str
    log: str
    diagnosis: Diagnosis = field(default_factory=lambda: Diagnosis(None))
    survivors: tuple[int, ...] = ()
    states: tuple[ProcessState, ...] = ()
    log_failure: str | None = None
    allow: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return the failures in its log, the cause first."""
        return self.diagnosis.findings


Ask = Callable[[Client], Answers]
"""Asks a server that is ready."""
Prepare = Callable[[Gate], Ask]
"""Does what has to be done before the server is started, and returns what asks it. May raise `Problem`."""
Judge = Callable[[Served, Answers], Conclusion]
"""Concludes, after the server has been ended."""
Running = Callable[[Gate, "Stage"], Verdict]
"""Starts what servers it needs itself, and concludes."""


class Counts(Enum):
    """What a stage means for the commit."""

    REQUIRED = "has to pass"
    IF_RUN = "has to pass where it was run"
    NOT = "proves nothing that a commit could rest on"


@dataclass(frozen=True)
class Start:
    """What a stage starts. Stages that follow each other in the table and have the same start share one server.

    Attributes:
        what: in words.
        weights: which weights it loads: ``random`` or ``real``.
        load_format: vLLM's option; None for its default.
        every_size: whether it is started at each tensor-parallel size, or at the first alone.
    """

    what: str
    weights: str
    load_format: str | None = None
    every_size: bool = False


@dataclass(frozen=True)
class Asking:
    """What a stage does with the server."""

    prepare: Prepare
    judge: Judge


@dataclass(frozen=True)
class Stage:
    """One row: how a stage is called, and what it starts, needs, proves and counts.

    Attributes:
        name: on the command line and in records.
        title: in documents and the commit.
        needs: names of stages that run with it, on the same start, and without which it does not pass.
        proves: a sentence for the command line's help.
        asking: of a stage that asks a server which others may share.
        running: of a stage that starts servers of its own. One with neither has a command of its own, or is run
            where another stage calls for it.
        by_default: whether it is run where nobody says which.
    """

    name: str
    title: str
    starts: Start
    needs: tuple[str, ...]
    proves: str
    counts: Counts
    asking: Asking | None = None
    running: Running | None = None
    by_default: bool = True
