"""The process that serves the jobs: started once, asked many times."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from scaffold_validators.environment import clean_environment
from tests.bench.coverage.environment import Environment

SERVE = Path(__file__).parent / "serve.py"


class Server:
    """Runs ``serve.py``, or a script that does the same, while it is entered."""

    def __init__(self, environment: Environment, logs: Path, script: Path = SERVE) -> None:
        self.environment, self.logs, self.script = environment, logs, script

    def __enter__(self) -> Server:
        self.logs.mkdir(parents=True, exist_ok=True)
        self._said = (self.logs / "serve.log").open("w")
        self._process = subprocess.Popen(
            [str(self.environment.python), str(self.script), str(self.logs)],
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
        """Run one job to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the serving process ended; see {self.logs / 'serve.log'}")
        return json.loads(line)  # type: ignore[no-any-return]
