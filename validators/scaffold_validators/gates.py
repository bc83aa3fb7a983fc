"""Runs stages: starts the server that they share, lets each ask it, ends it, and concludes.

``Application startup complete`` proves nothing. A server that answers ``/v1/models`` and dies on the first request
is *false-ready*, a failure of its own kind, and is known as such at once: the server's death ends the request.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain, count, groupby
from pathlib import Path

from scaffold_validators.log_scan import scan
from scaffold_validators.openai_api import Client
from scaffold_validators.outcome import Conclusion, Outcome
from scaffold_validators.serve import HOST, Server
from scaffold_validators.shims.engine import described, named_in, remark
from scaffold_validators.stages.stage import Answers, Ask, Gate, Judge, Served, Stage
from scaffold_validators.stages.table import gates
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


def run_stages(gate: Gate, stages: Sequence[Stage], sizes: Sequence[int] = (1,)) -> Iterator[Verdict]:
    """Run stages in the order given, and yield each verdict; nothing is started after one that failed.

    Args:
        gate: what they share.
        stages: rows of the table, see `with_needs`; those that ask no server are not run here.
        sizes: tensor-parallel sizes; a start that is not for every size takes the first.

    Raises:
        Problem: the port is taken, there is no ``vllm`` command, or something that a stage needs cannot be had.
    """
    for start, group in groupby(gates(stages), key=lambda stage: stage.starts):
        asking = [(stage, stage.asking) for stage in group if stage.asking is not None]
        parts = [Part(stage, how.prepare(gate), how.judge) for stage, how in asking]
        for size in sizes if start.every_size else sizes[:1]:
            plan = replace(gate.plan, tensor_parallel_size=size, load_format=start.load_format or gate.plan.load_format)
            failed = False
            for verdict in _serve(replace(gate, plan=plan), parts):
                yield verdict
                failed = failed or verdict.failed
            if failed:
                return


def _serve(gate: Gate, parts: Sequence[Part]) -> Iterator[Verdict]:
    """Start one server for all parts, and yield their verdicts, each as soon as it is known.

    The first bears the server's start and the findings.
    """
    first = parts[0].stage.name
    log = _unused(gate.logs, f"{first}-tp{gate.plan.tensor_parallel_size}")
    visit = Visit()
    gate.report(f"stage {first}: starting vllm serve (tensor-parallel {gate.plan.tensor_parallel_size})")
    server = Server(gate.plan, log, gate.report)
    with server:
        client = Client(f"http://{HOST}:{gate.plan.port}", server.alive)
        with visit.timed(first, "ready"):
            unready = server.wait_ready(client.is_ready, gate.patience)
        if unready is None:
            gate.report(f"ready after {visit.seconds[first]['ready']:.1f} s; sending requests")
            _ask(server, client, parts, visit)
        exchanges = [exchange for answers in visit.answers.values() for exchange in answers.exchanges]
        connection_broke = any(exchange.status == 0 for exchange in exchanges)
        died = server.dies_within(LAST_MOMENT_SECONDS if connection_broke else 0.0)
        text = server.text()
    if server.broken_at is not None:
        visit.note(first, "ended after death", time.monotonic() - server.broken_at)
    served = Served(unready, died, text, scan(text), tuple(server.survivors))
    verdicts: dict[str, Verdict] = {}
    for part in parts:
        conclusion = _conclude(part, served, visit, verdicts)
        verdict = _verdict(gate, part.stage, conclusion, visit, log)
        verdict = _with_shims(verdict, named_in(text))
        verdicts[part.stage.name] = replace(verdict, findings=served.findings) if part is parts[0] else verdict
        yield verdicts[part.stage.name]


def _with_shims(verdict: Verdict, names: Sequence[str]) -> Verdict:
    """Return a verdict with what stood in for kernels of the engine, if anything did."""
    if not names:
        return verdict
    numbers = {**verdict.numbers, "shims": described(names)}
    return replace(verdict, reason=verdict.reason + remark(names), numbers=numbers)


def _unused(folder: Path, name: str) -> Path:
    """Return a log that is not there yet: the verdicts of earlier runs name their own logs."""
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    paths = (folder / f"{name}.log" for name in names)
    return next(path for path in paths if not path.exists())


def _ask(server: Server, client: Client, parts: Sequence[Part], visit: Visit) -> None:
    """Let each stage ask, as long as the server is of use."""
    for part in parts:
        if server.broken_at is not None or not server.alive():
            return
        what = "requests" if part is parts[0] else part.stage.name
        with visit.timed(part.stage.name, what):
            answers = visit.answers[part.stage.name] = part.ask(client)
        if not all(exchange.answered for exchange in answers.exchanges):
            server.is_broken()


def _conclude(part: Part, served: Served, visit: Visit, verdicts: Mapping[str, Verdict]) -> Conclusion:
    for need in part.stage.needs:
        if need in verdicts and not verdicts[need].passed:
            return Conclusion(verdicts[need].outcome, f"not concluded, as stage {need} has not passed")
    answers = visit.answers.get(part.stage.name, Answers())
    if answers.afterwards is not None and part.judge(served, answers).outcome is Outcome.PASSED:
        with visit.timed(part.stage.name, "afterwards"):
            answers = visit.answers[part.stage.name] = answers.afterwards(served)
    return part.judge(served, answers)


def _verdict(gate: Gate, stage: Stage, conclusion: Conclusion, visit: Visit, log: Path) -> Verdict:
    answers = visit.answers.get(stage.name, Answers())
    return Verdict(
        stage=stage.name,
        outcome=conclusion.outcome,
        reason=conclusion.reason,
        device=gate.plan.engine.device,
        command=gate.plan.shell(),
        versions=gate.plan.engine.versions,
        digests=gate.digests,
        seconds=visit.seconds.get(stage.name, {}),
        log=str(log),
        tensor_parallel_size=gate.plan.tensor_parallel_size,
        exchanges=answers.exchanges,
        numbers=answers.numbers,
    )
