"""What an engineer has in the container: a vLLM tree that runs, a vllm-ascend repo, a work directory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.lab.commands import run
from tests.lab.engine import engine, environment_for, vllm_working_copy
from tests.lab.trees import ascend_repo

IDENTITY = {"user.name": "Demo Engineer", "user.email": "demo@example.com"}


@dataclass(frozen=True)
class Workplace:
    """The roots of one engineer, in one directory."""

    root: Path

    @property
    def vllm(self) -> Path:
        """Return the vLLM working copy."""
        return self.root / "vllm"

    @property
    def ascend(self) -> Path:
        """Return the vllm-ascend repo."""
        return self.root / "vllm-ascend"

    @property
    def work(self) -> Path:
        """Return the directory from which servers are started."""
        return self.root / "work"

    @property
    def python(self) -> Path:
        """Return the interpreter whose ``vllm`` is the working copy."""
        return self.root / "venv" / "bin" / "python"

    def options(self) -> list[str]:
        """Return how the command line is told of it."""
        roots = {"--vllm": self.vllm, "--delivery": self.ascend, "--work": self.work, "--python": self.python}
        return [word for option, path in roots.items() for word in (option, str(path))]


def make_workplace(root: Path) -> Workplace:
    """Make a fresh one: some seconds, both trees at the same time."""
    place = Workplace(root.resolve())
    place.work.mkdir(parents=True)
    made = engine()
    with ThreadPoolExecutor() as pool:
        trees = (pool.submit(vllm_working_copy, made, place.vllm), pool.submit(ascend_repo, place.ascend))
        environment_for(made, place.vllm, place.root / "venv")
        for tree in trees:
            tree.result()
    for key, value in IDENTITY.items():
        run("git", "config", key, value, cwd=place.ascend)
    return place
