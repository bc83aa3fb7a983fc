"""``vllm serve`` as a value, and as a running server that is watched until it has ended."""

from __future__ import annotations

import shlex
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import psutil

from scaffold_validators.engine import Engine, check_command
from scaffold_validators.environment import server_environment
from scaffold_validators.outcome import Conclusion, Outcome
from scaffold_validators.problem import Problem
from scaffold_validators.processes import ProcessTree
from scaffold_validators.redact import redact
from scaffold_validators.shims.engine import shim_variables
from scaffold_validators.watching.doing import ProcessState, ask_for_stacks, doing
from scaffold_validators.watching.family import GRACE_SECONDS
from scaffold_validators.watching.guardian import GUARDIAN
from scaffold_validators.watching.log import ServerLog
from scaffold_validators.watching.marks import ENDED_HERE, GIVEN_UP
from scaffold_validators.watching.movement import Movement
from scaffold_validators.watching.progress import milestone
from scaffold_validators.watching.undisturbed import undisturbed
from scaffold_validators.watching.workers import Death, Workers

HOST = "127.0.0.1"
BROKEN_GRACE_SECONDS = 0.3
POLL_SECONDS = 0.1
STACKS_SECONDS = 1.0
SOCKETS = "VLLM_RPC_BASE_PATH"
"""Where vLLM's processes keep the sockets between them: a folder of the gate's own, as they leave them behind."""
Report = Callable[[str], None]
Ready = Callable[[], "bool | Conclusion"]
"""Whether a server is ready, or why it never will be."""


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
    stage: str = ""
    """For the variables that a stage needs."""
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
        return {**server_environment(device, self.stage), **shim_variables(device), **self.env}

    def shell(self) -> str:
        """Return the command as a person would type it, secrets taken out."""
        settings = [f"{name}={shlex.quote(value)}" for name, value in self.environment().items()]
        return redact(" ".join([*settings, "vllm", *map(shlex.quote, self.arguments())]))


@dataclass(frozen=True)
class Patience:
    """How long is waited, in seconds.

    Attributes:
        idle_seconds: for a server that starts, and neither writes to its log nor uses the CPU.
        total_seconds: for a start.
        request_seconds: for an answer.
    """

    idle_seconds: float = 120.0
    total_seconds: float = 3600.0
    request_seconds: float = 600.0


class Server:
    """A server from start to end. Leaving the ``with`` block ends it and all that it started.

    Args:
        plan: how it is started.
        log: where its log is kept.
        report: told of milestones.
        hear: gets each line of the log, in another thread.

    Attributes:
        survivors: after the end, the ids of processes that could not be ended.
        broken_at: when it was first seen dead, or broken by the one who uses it; it is ended without much grace then.
        death: the worker whose death broke it, where the server itself still ran.
        states: what its processes did when it was given up.
    """

    def __init__(
        self,
        plan: ServePlan,
        log: Path,
        report: Report = lambda text: None,
        hear: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.plan, self.log, self.report, self.hear = plan, log, report, hear
        self.survivors: list[int] = []
        self.broken_at: float | None = None
        self.death: Death | None = None
        self.states: tuple[ProcessState, ...] = ()
        self._milestone = ""

    def __enter__(self) -> Server:
        check_port(self.plan.port)
        check_command(self.plan.engine)
        self._sockets = Path(tempfile.mkdtemp(prefix="scaffold-"))
        self._log = ServerLog(self.log, self._hear)
        try:
            environment = {SOCKETS: str(self._sockets), **self.plan.environment()}
            self.tree = ProcessTree(self.plan.argv(), self.plan.cwd, environment, self._log.writer)
        except BaseException:
            shutil.rmtree(self._sockets, ignore_errors=True)
            raise
        finally:
            self._log.started()
        GUARDIAN.removes(self.tree.family.mark, self._sockets)
        self._workers = Workers(self.tree.family)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with undisturbed():
            self._log.note(ENDED_HERE)
            self.survivors = self.tree.end(self.plan.grace_seconds if self.broken_at is None else BROKEN_GRACE_SECONDS)
            self._log.close()
            shutil.rmtree(self._sockets, ignore_errors=True)

    def text(self) -> str:
        """Return the log so far: what the server said by itself, before it was given up or ended."""
        return self._log.text().partition(GIVEN_UP)[0].partition(ENDED_HERE)[0]

    def last_line(self) -> str:
        """Return the log's last line."""
        return self._log.last_line()

    @property
    def log_failure(self) -> str | None:
        """Return why the log could not be kept, None if it was."""
        return self._log.failure

    def alive(self) -> bool:
        """Return whether the server and all its workers run; remembers when that was first seen not to be so."""
        if self.tree.alive() and self.death is None:
            self.death = self._workers.death()
            if self.death is None:
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

    def how_it_died(self) -> str:
        """Return what is known of the death, as the subject and verb of a sentence."""
        if self.death is not None:
            return str(self.death)
        code = self.tree.returncode
        return f"the server {_ended_with(code)}" if code is not None else "the server died"

    def listens(self) -> bool:
        """Return whether it is this server, or a process of it, that listens on the port."""
        for process in self.tree.members():
            with suppress(psutil.Error):
                if any(_is_at(connection, self.plan.port) for connection in process.net_connections("tcp")):
                    return True
        return False

    def give_up(self) -> None:
        """Note what its processes do, and let those that hang write their stacks to the log."""
        members = self.tree.members()
        self.states = doing(members)
        self.tree.family.note_segments()
        self._log.note(GIVEN_UP)
        if ask_for_stacks(members):
            time.sleep(STACKS_SECONDS)
        self.is_broken()

    def wait_ready(self, is_ready: Ready, patience: Patience = Patience()) -> Conclusion | None:
        """Wait until ``is_ready``.

        Returns:
            None, or why it will not become ready.
        """
        started = time.monotonic()
        movement = Movement(lambda: self._log.lines, self.tree.cpu_seconds)
        while True:
            if not self.alive():
                return Conclusion(Outcome.STARTUP_FAILED, f"{self.how_it_died()} before it was ready")
            ready = is_ready()
            if isinstance(ready, Conclusion):
                return ready
            if ready:
                return None
            late = self._late(movement, time.monotonic() - started, patience)
            if late is not None:
                self.give_up()
                return late
            time.sleep(POLL_SECONDS)

    def _late(self, movement: Movement, waited: float, patience: Patience) -> Conclusion | None:
        last = f"; the log's last line: {self.last_line()[-200:]!r}"
        if movement.still_for() > patience.idle_seconds:
            said = f"neither log nor CPU time moved for {patience.idle_seconds:.0f} s"
            return Conclusion(Outcome.TIMED_OUT, said + last)
        if waited > patience.total_seconds:
            return Conclusion(Outcome.TIMED_OUT, f"not ready after {patience.total_seconds:.0f} s" + last)
        return None

    def _hear(self, line: str) -> None:
        reached = milestone(line)
        if reached is not None and reached.says != self._milestone:
            self._milestone = reached.says
            self.report(reached.says)
        self.hear(line)


def _ended_with(code: int) -> str:
    """Return how a process ended, in words."""
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"


def _is_at(connection: object, port: int) -> bool:
    address = getattr(connection, "laddr", None)
    return getattr(connection, "status", "") == psutil.CONN_LISTEN and getattr(address, "port", None) == port


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
