"""One server from its start to the verdicts of the stages that asked it.

``Application startup complete`` proves nothing. A server that answers ``/v1/models`` and dies on the first request
is *false-ready*, a failure of its own kind, and is known as such at once: the server's death ends the request.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path

from scaffold_validators.diagnosis import diagnose
from scaffold_validators.digest import sha256_of
from scaffold_validators.openai_api import Client
from scaffold_validators.outcome import Conclusion, Outcome
from scaffold_validators.problem import Problem
from scaffold_validators.serve import HOST, Server
from scaffold_validators.shims.engine import described, named_in, remark
from scaffold_validators.stages import conclude
from scaffold_validators.stages.stage import Answers, Ask, Gate, Judge, Served, Stage
from scaffold_validators.verdict import Verdict

LAST_MOMENT_SECONDS = 1.0
"""A process that dies closes its connections before it is seen dead."""


@dataclass(frozen=True)
class Part:
    """One stage that takes part in a server."""

    stage: Stage
    ask: Ask
    judge: Judge


@dataclass
class Visit:
    """What came out of a server so far: the answers that each stage got, and how long each thing took."""

    answers: dict[str, Answers] = field(default_factory=dict)
    seconds: dict[str, dict[str, float]] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str, what: str) -> Iterator[None]:
        """Note how long something takes."""
        started = time.monotonic()
        yield
        self.note(stage, what, time.monotonic() - started)

    def note(self, stage: str, what: str, seconds: float) -> None:
        """Note how long something took."""
        self.seconds.setdefault(stage, {})[what] = round(seconds, 2)


def visit(gate: Gate, parts: Sequence[Part], name: str = "") -> Iterator[Verdict]:
    """Start one server for all parts, and yield their verdicts, each as soon as it is known.

    The first bears the server's start and the findings.

    Args:
        gate: how it is started, and what is known of the model.
        parts: the stages, in their order.
        name: of the log, if it is not that of the first stage.

    Raises:
        Problem: the port is taken, or there is no ``vllm`` command.
    """
    first = parts[0].stage.name
    log = _unused(gate.logs, f"{name or first}-tp{gate.plan.tensor_parallel_size}")
    seen = Visit()
    gate.report(f"stage {name or first}: starting vllm serve (tensor-parallel {gate.plan.tensor_parallel_size})")
    server = Server(gate.plan, log, gate.report, gate.hear)
    with server:
        client = Client(f"http://{HOST}:{gate.plan.port}", server.alive, gate.patience.request_seconds)
        with seen.timed(first, "ready"):
            unready = server.wait_ready(lambda: readiness(client, server), gate.patience)
        if unready is None:
            gate.report(f"ready after {seen.seconds[first]['ready']:.1f} s; sending requests")
            _ask(server, client, parts, seen)
        exchanges = [exchange for answers in seen.answers.values() for exchange in answers.exchanges]
        failed = any(
            exchange.status >= 500 or (exchange.status == 0 and not exchange.timed_out) for exchange in exchanges
        )
        died = server.how_it_died() if _has_died(server, failed) else ""
        text = server.text()
    if server.broken_at is not None:
        seen.note(first, "ended after death", time.monotonic() - server.broken_at)
    served = Served(
        unready=unready,
        died=died,
        log=text,
        diagnosis=diagnose(text, allow=gate.allow),
        survivors=tuple(server.survivors),
        states=server.states,
        log_failure=server.log_failure,
        allow=gate.allow,
    )
    yield from _verdicts(gate, parts, served, seen, log)


def readiness(client: Client, server: Server) -> bool | Conclusion:
    """Return whether the server lists the name that it was given; whoever else answers there is no server of ours."""
    names = client.models()
    if names is None:
        return False
    wanted = server.plan.served_model_name
    if wanted in names and server.listens():
        return True
    other = f"another server answers on port {server.plan.port}"
    listed = ", ".join(map(repr, names[:5])) or "nothing"
    said = f"{other}: it lists {listed}, not {wanted!r} of the server started here"
    if wanted in names:
        said = f"{other}: none of the processes started here listens there"
    step = f"find its owner (ss -ltnp | grep :{server.plan.port}), or pass another --port"
    return Conclusion(Outcome.ENVIRONMENT, said, said, "another-server", step)


def _has_died(server: Server, failed: bool) -> bool:
    """Return whether the server died of itself: one that was given up did not.

    Where a request failed, that may be known a moment later: a server still answers, with 500, while its engine's
    process is being taken down.
    """
    if server.states:
        return False
    return server.dies_within(LAST_MOMENT_SECONDS if failed else 0.0)


def _ask(server: Server, client: Client, parts: Sequence[Part], seen: Visit) -> None:
    """Let each stage ask, as long as the server is of use."""
    for part in parts:
        if server.broken_at is not None or not server.alive():
            return
        what = "requests" if part is parts[0] else part.stage.name
        with seen.timed(part.stage.name, what):
            answers = seen.answers[part.stage.name] = _asked(part, client)
        late = answers.conclusion is not None and answers.conclusion.outcome is Outcome.TIMED_OUT
        if late or any(exchange.timed_out for exchange in answers.exchanges):
            server.give_up()
        elif not all(exchange.answered for exchange in answers.exchanges):
            server.is_broken()


def _asked(part: Part, client: Client) -> Answers:
    """Return a stage's answers; what it lacks is its own matter, and not that of the stages before it."""
    try:
        return part.ask(client)
    except Problem as problem:
        return Answers(
            conclusion=Conclusion(Outcome.ENVIRONMENT, str(problem), problem.found, "lacking", problem.remedy)
        )


def _unused(folder: Path, name: str) -> Path:
    """Return a log that is not there yet: the verdicts of earlier runs name their own logs."""
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    paths = (folder / f"{name}.log" for name in names)
    return next(path for path in paths if not path.exists())


def _verdicts(gate: Gate, parts: Sequence[Part], served: Served, seen: Visit, log: Path) -> Iterator[Verdict]:
    verdicts: dict[str, Verdict] = {}
    shims = named_in(served.log)
    for part in parts:
        conclusion = _conclude(part, served, seen, verdicts)
        verdict = _with_shims(_verdict(gate, part.stage, conclusion, seen, log), shims)
        if part is parts[0]:
            verdict = replace(verdict, findings=served.findings, processes=served.states, allowed=gate.allow)
        verdicts[part.stage.name] = verdict
        yield verdict


def _conclude(part: Part, served: Served, seen: Visit, verdicts: Mapping[str, Verdict]) -> Conclusion:
    for need in part.stage.needs:
        if need in verdicts and not verdicts[need].passed:
            before = verdicts[need]
            said = f"not concluded, as stage {need} has not passed"
            return Conclusion(before.outcome, said, before.cause, before.signature, before.next_step)
    answers = seen.answers.get(part.stage.name, Answers())
    found = part.judge(served, answers)
    if answers.afterwards is not None and found.outcome is Outcome.PASSED:
        with seen.timed(part.stage.name, "afterwards"):
            answers = seen.answers[part.stage.name] = answers.afterwards(served)
        found = part.judge(served, answers)
    return conclude.with_log_failure(conclude.with_cause(found), served.log_failure)


def _verdict(gate: Gate, stage: Stage, conclusion: Conclusion, seen: Visit, log: Path) -> Verdict:
    answers = seen.answers.get(stage.name, Answers())
    return Verdict(
        stage=stage.name,
        outcome=conclusion.outcome,
        reason=conclusion.reason,
        device=gate.plan.engine.device,
        command=gate.plan.shell(),
        versions=gate.plan.engine.versions,
        digests=gate.digests,
        seconds=seen.seconds.get(stage.name, {}),
        log=str(log),
        log_sha256=sha256_of(log),
        tensor_parallel_size=gate.plan.tensor_parallel_size,
        exchanges=answers.exchanges,
        numbers=answers.numbers,
        cause=conclusion.cause,
        signature=conclusion.signature,
        next_step=conclusion.next_step,
    )


def _with_shims(verdict: Verdict, names: Sequence[str]) -> Verdict:
    """Return a verdict with what stood in for kernels of the engine, if anything did."""
    if not names:
        return verdict
    numbers = {**verdict.numbers, "shims": described(names)}
    return replace(verdict, reason=verdict.reason + remark(names), numbers=numbers)
