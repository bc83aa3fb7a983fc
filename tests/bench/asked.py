"""A process that answers JSON lines: started once, asked many times, and gone with whoever asks."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from scaffold_validators.processes import ProcessTree

S = TypeVar("S", bound="Asked")
END_SECONDS = 150
"""How long it may take to end by itself, once it is asked nothing more."""


class Asked:
    """Runs a command while it is entered; what it says beside its answers goes to a file.

    Once the last answer has been read it ends by itself. Where asking ends early, by an error, Ctrl-C or a signal to
    this process, all that it has started is ended with it.
    """

    def __init__(self, command: Sequence[str | Path], said: Path) -> None:
        self._command, self._path = [str(word) for word in command], said.resolve()

    def __enter__(self: S) -> S:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("wb") as said:
            self._tree = ProcessTree(self._command, self._path.parent, {}, subprocess.PIPE, said, asked=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._tree.process.stdin.close()
                self._tree.process.wait(timeout=END_SECONDS)
        finally:
            self._tree.end()
            self._tree.process.stdout.close()

    def ask(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to one job."""
        asked = self._tree.process.stdin
        asked.write(json.dumps(job).encode() + b"\n")
        asked.flush()
        line = self._tree.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._command[0]} ended; see {self._path}")
        return json.loads(line)  # type: ignore[no-any-return]
