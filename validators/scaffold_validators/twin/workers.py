"""What the two steps of a twin run in: a process for each, or forks of one process that has imported vLLM.

A single proof is as fast in processes of its own: vLLM is imported while the twin is made. Where there are many, as in
a survey, importing vLLM and transformers for each is most of what they cost.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

from scaffold_validators.engine import Engine
from scaffold_validators.processes import Ended, ProcessTree, run

HERE = Path(__file__).parent
MAKE, SERVE, WARM = HERE / "make_twin.py", HERE / "serve_twin.py", HERE / "warm.py"
MAKING = {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
SERVING = {
    **MAKING,
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the model lives in the process that hooks it
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_HOST_IP": "127.0.0.1",
}
LIMIT = 240
"""Seconds for each of the two steps, where nothing else is said; an adapter that hangs is wrong, too."""
IMPORTING = 120
"""Seconds that importing vLLM may take, before the first step of forks."""
STEP_SECONDS = 0.05
FILES = ("asked", "output", "ended", "errors")
Ask = Callable[[str], Ended]
"""Hands a step its request, and returns how it ended. What it says in its log is not among it."""


class Workers(Protocol):
    """Runs ``make_twin.py`` and ``serve_twin.py``, each for so many seconds at most."""

    @property
    def seconds(self) -> float:
        """Return the limit of each of the two steps."""
        ...

    def make(self, engine: Engine, folder: Path, text: str) -> Ended:
        """Run the step that makes a twin, from a folder, with a request as its standard input."""
        ...

    def server(self, engine: Engine, folder: Path, log: Path) -> AbstractContextManager[Ask]:
        """Start the step that serves, which may be asked once; its standard error goes to the log."""
        ...


@dataclass(frozen=True)
class Fresh:
    """A process for each step; the one that serves imports vLLM before it is asked."""

    seconds: float = LIMIT

    def make(self, engine: Engine, folder: Path, text: str) -> Ended:
        """Run the step that makes a twin."""
        return run([str(engine.python), str(MAKE)], cwd=folder, env=MAKING, text=text, seconds=self.seconds)

    @contextmanager
    def server(self, engine: Engine, folder: Path, log: Path) -> Iterator[Ask]:
        """Start the step that serves."""
        with (
            log.open("wb") as file,
            tempfile.TemporaryFile() as printed,
            ProcessTree([str(engine.python), str(SERVE)], folder, SERVING, printed, file, asked=True) as process,
        ):

            def ask(text: str) -> Ended:
                ended = process.ask(text, self.seconds)
                printed.seek(0)
                return Ended(process.returncode if ended else None, printed.read().decode("utf-8", "replace"), "")

            yield ask


FRESH = Fresh()


class Warm:
    """Forks of one process that imports vLLM once, while this is entered. For a CPU: an NPU is not had by forks.

    Args:
        engine: the environment; steps for another one are not taken.
        seconds: the limit of each step.
    """

    def __init__(self, engine: Engine, seconds: float = LIMIT) -> None:
        self.engine, self.seconds, self._count = engine, seconds, 0

    def __enter__(self) -> Warm:
        with ExitStack() as stack:
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="scaffold-warm-"))
            self._folder = Path(scratch)
            log = stack.enter_context((self._folder / "warm.log").open("wb"))
            command = [str(self.engine.python), str(WARM)]
            self._process = stack.enter_context(ProcessTree(command, self._folder, SERVING, log, asked=True))
            self._entered = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.close()

    def make(self, engine: Engine, folder: Path, text: str) -> Ended:
        """Run the step that makes a twin, in a fork."""
        return self._fork("make_twin", engine, folder, text, None)

    @contextmanager
    def server(self, engine: Engine, folder: Path, log: Path) -> Iterator[Ask]:
        """Start nothing: the fork is made when it is asked."""
        log.write_bytes(b"")
        yield lambda text: self._fork("serve_twin", engine, folder, text, log)

    def _fork(self, script: str, engine: Engine, folder: Path, text: str, log: Path | None) -> Ended:
        assert engine == self.engine, "a process has imported one vLLM"
        self._count += 1
        asked, output, ended, errors = (self._folder / f"{self._count}.{kind}" for kind in FILES)
        asked.write_text(text, encoding="utf-8")
        files = {"asked": asked, "output": output, "ended": ended, "errors": log.resolve() if log else errors}
        request = {"script": script, "folder": str(folder.resolve()), "seconds": self.seconds}
        line = json.dumps({**request, **{name: str(path) for name, path in files.items()}})
        with suppress(OSError):  # it has ended, which is told below
            self._process.process.stdin.write(line.encode() + b"\n")
            self._process.process.stdin.flush()
        deadline = time.monotonic() + self.seconds + IMPORTING
        while not ended.is_file() and self._process.alive() and time.monotonic() < deadline:
            time.sleep(STEP_SECONDS)
        if not ended.is_file():
            said = (self._folder / "warm.log").read_text(encoding="utf-8", errors="replace")
            return Ended(self._process.returncode, "", f"the process that forks has ended: {said[-2000:]}")
        code = json.loads(ended.read_text(encoding="utf-8"))
        return Ended(code, _said(output), _said(errors))


def _said(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


@contextmanager
def workers_for_many(engine: Engine, seconds: float = LIMIT) -> Iterator[Workers]:
    """Yield what many twins run in: forks on a CPU; on an NPU, which they cannot share, processes of their own."""
    if engine.device != "cpu":
        yield Fresh(seconds)
        return
    with Warm(engine, seconds) as workers:
        yield workers
