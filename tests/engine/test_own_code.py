"""Checkpoints with code of their own, end to end: read but never run by us, served as its user would, and right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.bench.coverage.environment import environment
from tests.bench.coverage.server import Server
from tests.engine.own_code import TRUSTED, check_answer, reference_of
from tests.models.mixed import CONFIGS, write_mixed

pytestmark = pytest.mark.engine

SCAFFOLD = Path(sys.executable).parent / "scaffold"
TRIPWIRE = 'import os\nopen(os.environ["TRIPWIRE"], "a").close()\n'


@dataclass(frozen=True)
class Made:
    """A checkpoint, the adapter that was made for it, and the file that its code writes when it runs."""

    checkpoint: Path
    plugin: Path
    document: dict[str, Any]
    ran: Path


def make(name: str, folder: Path) -> Made:
    checkpoint, plugin, ran = write_mixed(name, folder / name), folder / "plugin", folder / "it-ran"
    for file in (f"modeling_{name}.py", f"configuration_{name}.py"):
        (checkpoint / file).write_text((checkpoint / file).read_text() + TRIPWIRE)
    words = ("new-model", checkpoint, "--strategy", "native", "--placement", "plugin", "--output", plugin)
    command = [str(SCAFFOLD), *map(str, words), "--work", str(folder), "--python", str(environment().python), "--json"]
    env = {**os.environ, "TRIPWIRE": str(ran)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    return Made(checkpoint, plugin, json.loads(done.stdout), ran)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRIPWIRE", os.devnull)
        with Server(environment(), tmp_path_factory.mktemp("served"), TRUSTED) as running:
            yield running


@pytest.mark.parametrize("name", CONFIGS)
def test_the_adapter_agrees_with_the_checkpoints_own_code(server: Server, tmp_path: Path, name: str) -> None:
    made = make(name, tmp_path)
    assert made.document["holes"] == []
    assert made.document["weights"]["unrouted"] == []
    assert not made.ran.exists(), "the checkpoint's code was run"

    reference = reference_of(made.checkpoint, tmp_path, TRIPWIRE=str(made.ran))
    assert made.ran.exists(), "the code that transformers ran says so"

    check_answer(server, reference, made.checkpoint, made.plugin, f"vllm_{name}")
