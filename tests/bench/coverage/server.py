"""The process that serves the jobs: started once, asked many times."""

from __future__ import annotations

from pathlib import Path

from tests.bench.asked import Asked
from tests.bench.coverage.environment import Environment

SERVE = Path(__file__).parent / "serve.py"


class Server(Asked):
    """Runs ``serve.py``, or a script that does the same, while it is entered."""

    def __init__(self, environment: Environment, logs: Path, script: Path = SERVE) -> None:
        logs = logs.resolve()
        super().__init__([environment.python, script, logs], logs / "serve.log")
        self.environment = environment
