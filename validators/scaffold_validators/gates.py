"""Stages A and B: a real server that must answer real requests, and stage P on the same server as B.

``Application startup complete`` proves nothing. A server that answers ``/v1/models`` and dies on the first request
is *false-ready*, a failure of its own kind, and is known as such at once: the server's death ends the request.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from scaffold_validators import parity
from scaffold_validators.log_scan import Finding, scan, weights_loaded
from scaffold_validators.openai_api import Client, Exchange, image_request, text_request
from scaffold_validators.serve import HOST, Patience, Report, ServePlan, Server
from scaffold_validators.verdict import Verdict

LAST_MOMENT_SECONDS = 1.0
"""A process that dies closes its connections before it is seen dead."""


@dataclass(frozen=True)
class Gate:
    """What all stages of one model share."""

    plan: ServePlan
    has_chat_template: bool
    is_multimodal: bool
    digests: Mapping[str, str]
    logs: Path
    report: Report
    patience: Patience = field(default_factory=Patience)


def run_dummy(gate: Gate) -> Verdict:
    """Stage A: dummy weights. Shows that architecture, operators and API work; signs nothing off."""
    return _run(replace(gate, plan=replace(gate.plan, load_format="dummy")), "dummy", None)[0]


def run_real(gate: Gate, prompts: parity.Prompts | None = None) -> list[Verdict]:
    """Stage B: real weights; then stage P on the same server if prompts with their reference are given."""
    return _run(gate, "real", prompts)


def _run(gate: Gate, stage: str, prompts: parity.Prompts | None) -> list[Verdict]:
    tp = gate.plan.tensor_parallel_size
    log = gate.logs / f"{stage}-tp{tp}.log"
    gate.logs.mkdir(parents=True, exist_ok=True)
    seconds: dict[str, float] = {}
    exchanges: list[Exchange] = []
    found: parity.Comparison | None = None
    gate.report(f"stage {stage}: starting vllm serve (tensor-parallel {tp})")
    server = Server(gate.plan, log, gate.report)
    with server:
        client = Client(f"http://{HOST}:{gate.plan.port}", server.alive)
        with _timed(seconds, "ready"):
            unready = server.wait_ready(client.is_ready, gate.patience)
        if unready is None:
            gate.report(f"ready after {seconds['ready']:.1f} s; sending requests")
            with _timed(seconds, "requests"):
                exchanges = list(_requests(gate, client))
            if not all(exchange.answered for exchange in exchanges):
                server.is_broken()
            if prompts is not None and server.alive() and server.broken_at is None:
                gate.report("stage parity: the same tokens through the server and the reference")
                with _timed(seconds, "parity"):
                    found = parity.compare(client, gate.plan.served_model_name, prompts)
        connection_broke = any(exchange.status == 0 for exchange in exchanges)
        alive = not server.dies_within(LAST_MOMENT_SECONDS if connection_broke else 0.0)
        text = server.text()
    if server.broken_at is not None:
        seconds["ended after death"] = time.monotonic() - server.broken_at
    findings = scan(text)
    outcome, reason = _conclude(stage, unready, exchanges, alive, findings, text, server.survivors)
    common = Verdict(
        stage=stage,
        outcome=outcome,
        reason=reason,
        device=gate.plan.engine.device,
        command=gate.plan.shell(),
        versions=gate.plan.engine.versions,
        digests=gate.digests,
        seconds={name: round(value, 2) for name, value in seconds.items()},
        log=str(log),
        exchanges=tuple(asdict(e) for e in exchanges),
        findings=tuple(asdict(f) for f in findings),
        numbers={"tensor_parallel_size": tp},
    )
    if prompts is None:
        return [common]
    return [common, _parity_verdict(common, found)]


def _requests(gate: Gate, client: Client) -> Iterator[Exchange]:
    name = gate.plan.served_model_name
    yield client.send(*text_request(name, gate.has_chat_template))
    if gate.is_multimodal and client.alive():
        yield client.send(*image_request(name))


def _conclude(
    stage: str,
    unready: str | None,
    exchanges: list[Exchange],
    alive: bool,
    findings: tuple[Finding, ...],
    log: str,
    survivors: list[int],
) -> tuple[str, str]:
    cause = f" ({findings[0].id}: {findings[0].line[-200:]})" if findings else ""
    if unready is not None:
        return "failed", unready + cause
    if not alive:
        return "false-ready", "the server was ready and died on a request" + cause
    for exchange in exchanges:
        if not exchange.answered:
            said = f"{exchange.path} answered {exchange.status} with {str(exchange.body)[:200]!r}"
            dead = any(f.id == "engine-dead" for f in findings)
            return ("false-ready" if dead else "failed"), said + cause
    if findings:
        return "failed", "a failure in the log" + cause
    if stage == "real" and weights_loaded(log) is None:
        return "failed", "the log does not say that weights were loaded from files"
    if survivors:
        return "failed", f"processes that could not be ended: {survivors}"
    return "passed", f"{len(exchanges)} request(s) answered, log clean"


def _parity_verdict(real: Verdict, found: parity.Comparison | None) -> Verdict:
    if found is None:
        why = f"not compared, as stage real {real.outcome}"
        return replace(real, stage="parity", outcome="failed", reason=why, exchanges=(), findings=())
    outcome = "passed" if found.holds and real.passed else "failed"
    return replace(
        real,
        stage="parity",
        outcome=outcome,
        reason=found.reason,
        exchanges=(),
        numbers={**real.numbers, **found.numbers()},
    )


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[name] = time.monotonic() - started
