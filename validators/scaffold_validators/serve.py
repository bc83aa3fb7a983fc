"""``vllm serve`` as a value, and as a running server that is watched until it has ended."""

from __future__ import annotations

import math
import shlex
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from scaffold_validators.engine import Engine, check_command
from scaffold_validators.outcome import Conclusion, Outcome
from scaffold_validators.problem import Problem
from scaffold_validators.processes import GRACE_SECONDS, ProcessTree
from scaffold_validators.redact import redact
from scaffold_validators.shims.engine import shim_variables

HOST = "127.0.0.1"
DEVICE_ENVIRONMENT = {
    "npu": {"HCCL_OP_EXPANSION_MODE": "AIV"},
    "cpu": {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"},
}
"""What a device needs. npu: vllm-ascend, references/workflow-checklist.md, section 7."""
BROKEN_GRACE_SECONDS = 0.5
POLL_SECONDS = 0.2
CPU_SECONDS = 1.0
"""Between two looks at the CPU time of all that the server started, which is read process by process."""
Report = Callable[[str], None]


@dataclass(frozen=True)
class ServePlan:
    """One start of a server."""

    engine: Engine
    model: Path
    served_model_name: str
    cwd: Path
    port: int = 8000
    dtype: str = "auto"
    max_model_len: int | None = None
    max_num_seqs: int = 16
    tensor_parallel_size: int = 1
    load_format: str | None = None
    enforce_eager: bool = False
    trust_remote_code: bool = False
    model_impl: str | None = None
    extra: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    grace_seconds: float = GRACE_SECONDS
    """How long what was started may take to end when it is asked to; it is ended by force then."""

    def arguments(self) -> list[str]:
        """Return what follows ``vllm``."""
        flags: list[tuple[str, object]] = [
            ("--served-model-name", self.served_model_name),
            ("--host", HOST),
            ("--port", self.port),
            ("--dtype", self.dtype),
            ("--max-model-len", self.max_model_len),
            ("--max-num-seqs", self.max_num_seqs),
            ("--tensor-parallel-size", self.tensor_parallel_size),
            ("--load-format", self.load_format),
            ("--model-impl", self.model_impl),
            ("--enforce-eager", self.enforce_eager),
            ("--trust-remote-code", self.trust_remote_code),
        ]
        words = ["serve", str(self.model)]
        for flag, value in flags:
            if value is True:
                words.append(flag)
            elif value not in (None, False):
                words += [flag, str(value)]
        return [*words, *self.extra]

    def argv(self) -> list[str]:
        """Return the command: the ``vllm`` beside the engine's Python."""
        return [str(self.engine.python.parent / "vllm"), *self.arguments()]

    def environment(self) -> dict[str, str]:
        """Return the variables that are set for it."""
        device = self.engine.device
        return {**DEVICE_ENVIRONMENT[device], **shim_variables(device), "VLLM_NO_USAGE_STATS": "1", **self.env}

    def shell(self) -> str:
        """Return the command as a person would type it, secrets taken out."""
        settings = [f"{name}={shlex.quote(value)}" for name, value in self.environment().items()]
        return redact(" ".join([*settings, "vllm", *map(shlex.quote, self.arguments())]))


@dataclass(frozen=True)
class Patience:
    """How long silence is borne: graph capture may be silent, but then uses the CPU."""

    idle_seconds: float = 120.0
    total_seconds: float = 3600.0


class Server:
    """A server from start to end. Leaving the ``with`` block ends it and all that it started."""

    def __init__(self, plan: ServePlan, log: Path, report: Report = lambda text: None) -> None:
        self.plan, self.log, self.report = plan, log, report
        self.survivors: list[int] = []
        self.broken_at: float | None = None
        """When it was first seen dead, or broken by the one who uses it; it is ended without much grace then."""

    def __enter__(self) -> Server:
        check_port(self.plan.port)
        check_command(self.plan.engine)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.log.open("wb")
        self.tree = ProcessTree(self.plan.argv(), self.plan.cwd, self.plan.environment(), self._file)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.survivors = self.tree.end(self.plan.grace_seconds if self.broken_at is None else BROKEN_GRACE_SECONDS)
        self._file.close()
        self.log.write_text(redact(self.text()), encoding="utf-8")

    def text(self) -> str:
        """Return the log so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def alive(self) -> bool:
        """Return whether the server runs; remembers when it was first seen dead."""
        if self.tree.alive():
            return True
        self.is_broken()
        return False

    def dies_within(self, seconds: float) -> bool:
        """Return whether the server is dead, or is within so many seconds."""
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        return True

    def is_broken(self) -> None:
        """Remember that the server is of no use any more, and since when."""
        self.broken_at = self.broken_at or time.monotonic()

    def wait_ready(self, is_ready: Callable[[], bool], patience: Patience = Patience()) -> Conclusion | None:
        """Wait until ``is_ready``.

        Returns:
            None, or why it will not become ready.
        """
        started = time.monotonic()
        movement, milestone = Movement(self), ""
        while True:
            if not self.alive():
                said = f"the server ended with {self.tree.returncode} before it was ready"
                return Conclusion(Outcome.STARTUP_FAILED, said)
            if is_ready():
                return None
            if movement.still_for() > patience.idle_seconds:
                said = f"neither log nor CPU time moved for {patience.idle_seconds:.0f} s"
                return Conclusion(Outcome.TIMED_OUT, said)
            if time.monotonic() - started > patience.total_seconds:
                return Conclusion(Outcome.TIMED_OUT, f"not ready after {patience.total_seconds:.0f} s")
            milestone = self._announce(milestone)
            time.sleep(POLL_SECONDS)

    def _announce(self, before: str) -> str:
        text = self.text()
        milestone = next((shown for mark, shown in MILESTONES if mark in text), "starting")
        if milestone != before:
            self.report(milestone)
        return milestone


class Movement:
    """When a server last did something: its log grew, or it used the CPU."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._moved = time.monotonic()
        self._looked = -math.inf
        self._size = -1
        self._cpu = -1

    def still_for(self) -> float:
        """Return for how many seconds neither has moved."""
        now = time.monotonic()
        size, cpu = self._server.log.stat().st_size, self._cpu
        if now - self._looked >= CPU_SECONDS:
            self._looked, cpu = now, round(self._server.tree.cpu_seconds())
        if (size, cpu) != (self._size, self._cpu):
            self._size, self._cpu, self._moved = size, cpu, now
        return now - self._moved


MILESTONES = (
    ("Application startup complete", "server is up"),
    ("Capturing CUDA graphs", "capturing graphs"),
    ("KV cache size", "warming up"),
    ("Loading weights took", "weights are loaded"),
    ("Starting to load model", "loading the model"),
    ("EngineCore", "engine starts"),
)
"""Log marks, latest first, and what they say to a person who waits."""


def check_port(port: int) -> None:
    """Check that a port is free.

    Raises:
        Problem: it is taken (exit code 2).
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise Problem(
                "a port in use",
                where=f"port {port}",
                expected="a free port",
                remedy=f"stop its owner (ss -ltnp | grep :{port}), or pass another with --port",
                exit_code=2,
            ) from error
