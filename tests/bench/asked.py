"""A process that answers JSON lines: started once, asked many times."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from scaffold_validators.environment import clean_environment

S = TypeVar("S", bound="Asked")


class Asked:
    """Runs a command while it is entered; what it says beside its answers goes to a file."""

    def __init__(self, command: Sequence[str | Path], said: Path) -> None:
        self._command, self._path = [str(word) for word in command], said.resolve()

    def __enter__(self: S) -> S:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._said = self._path.open("w")
        self._process = subprocess.Popen(
            self._command,
            cwd=self._path.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env=clean_environment(),
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=150)
        self._process.stdout.close()
        self._said.close()

    def ask(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to one job."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._command[0]} ended; see {self._path}")
        return json.loads(line)  # type: ignore[no-any-return]
