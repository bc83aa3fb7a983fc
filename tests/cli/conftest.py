"""The command line, called as a user would, on real trees."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.documents import check_document
from tests.fake_engine import REFERENCE, write_fake_engine
from tests.runner import invoke


@dataclass(frozen=True)
class Answer:
    """What a command said, and how it ended."""

    code: int
    stdout: str
    stderr: str
    words: tuple[str | Path, ...]

    @property
    def document(self) -> dict[str, Any]:
        """Return the JSON document on stdout, which is as the command's schema says."""
        document = json.loads(self.stdout)
        check_document(self.words, document)
        return document


@dataclass(frozen=True)
class Desk:
    """Roots and work directory of one test."""

    root: Path
    vllm: Path
    delivery: Path
    work: Path

    def call(self, *words: str | Path) -> Answer:
        """Run a command."""
        result = invoke([str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr, words)

    def new_model(self, checkpoint: Path, *words: str | Path) -> Answer:
        """Run ``new-model`` on these roots."""
        roots = ("--vllm", self.vllm, "--delivery", self.delivery, "--work", self.work)
        return self.call("new-model", checkpoint, *roots, *words)


@pytest.fixture
def empty_desk(tmp_path: Path) -> Desk:
    """A desk without trees, for commands that need none."""
    return Desk(tmp_path, tmp_path, tmp_path, tmp_path)


@pytest.fixture
def desk(registry_tree: Path, delivery_repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk without an engine, and without settings from outside."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return Desk(tmp_path, registry_tree, delivery_repo, work)


@pytest.fixture
def fake_engine(desk: Desk) -> Path:
    """The Python of an environment whose vLLM is the desk's tree."""
    return write_fake_engine(desk.root / "engine", desk.vllm / "vllm" / "__init__.py")


@pytest.fixture
def referred_engine(desk: Desk) -> Path:
    """The same, with a reference that agrees with the stand-in server."""
    return write_fake_engine(desk.root / "referred", desk.vllm / "vllm" / "__init__.py", REFERENCE)
