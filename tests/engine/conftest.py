"""The installed command on a real engine, in a workplace that the tests of this folder share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.lab.checkpoints import checkpoint
from tests.lab.demo import SERVE
from tests.lab.engine import FORKS
from tests.lab.ports import free_port
from tests.lab.workplace import Workplace, make_workplace

SCAFFOLD = Path(sys.executable).parent / "scaffold"
SHARED = ("shop", "loading", "place")
"""Fixtures of the session that several files use."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is made once is made in one process (``--dist loadgroup``): a file is a group, or all of one workplace."""
    for item in items:
        if isinstance(item, pytest.Function) and item.path.parent == Path(__file__).parent:
            shared = (name for name in SHARED if name in item.fixturenames)
            item.add_marker(pytest.mark.xdist_group(next(shared, item.path.stem)))


@dataclass(frozen=True)
class Answer:
    """How a command ended, its JSON document, and what it said to a person."""

    code: int
    document: dict[str, Any]
    said: str

    def outcomes(self) -> dict[tuple[str, int], str]:
        """Return (stage, tensor-parallel size) → outcome."""
        return {
            (v["stage"], v["numbers"]["tensor_parallel_size"]): v["outcome"] for v in self.document.get("verdicts", ())
        }


@dataclass
class Shop:
    """A workplace and the command line on it; what was adapted once is not adapted again."""

    place: Workplace
    done: dict[str, Answer] = field(default_factory=dict)
    holds: str = ""
    """Which of several forms of one adapter is in the tree."""

    def run(self, *words: str | Path) -> Answer:
        """Run a command with ``--json``."""
        command = [str(SCAFFOLD), *map(str, words), "--json"]
        result = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, FORKS: "1"})
        return Answer(result.returncode, json.loads(result.stdout), result.stderr)

    def new_model(self, row: str, *words: str) -> Answer:
        """Run ``new-model`` for a checkpoint of the laboratory, once."""
        if row not in self.done:
            self.done[row] = self.run("new-model", checkpoint(row), *self.place.options(), *words)
        return self.done[row]

    def main_job(self, row: str, sizes: str = "1,2", *stage: str) -> Answer:
        """Run ``new-model`` on to the commit."""
        accepted = ("--accept-device", "cpu", "--accuracy-pending", "no NPU here")
        accepted += ("--without", "features", "no NPU here", "--without", "capacity", "no NPU here")
        words = (*stage, "--validate", "--commit", *accepted, "--port", str(free_port()))
        return self.new_model(row, *words, *SERVE[:-1], sizes)

    def validate(self, row: str, stage: str, options: Sequence[str] = (*SERVE[:-1], "1")) -> Answer:
        """Run one stage."""
        roots = ("--work", self.place.work, "--python", self.place.python, "--port", str(free_port()), "--no-ladder")
        return self.run("validate", checkpoint(row), "--stage", stage, *roots, *options)

    @contextmanager
    def edited(self, path: Path, edit: Callable[[str], str]) -> Any:
        """Change a file for a while."""
        before = path.read_text()
        after = edit(before)
        assert after != before
        path.write_text(after)
        try:
            yield
        finally:
            path.write_text(before)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The shared workplace."""
    return Shop(make_workplace(tmp_path_factory.mktemp("shop") / "place"))


@pytest.fixture(scope="session")
def loading(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A workplace of its own, in which one adapter is generated in several forms."""
    return Shop(make_workplace(tmp_path_factory.mktemp("loading") / "place"))


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A workplace in which gates are run from here, without the command line."""
    return make_workplace(tmp_path_factory.mktemp("gates") / "place")
