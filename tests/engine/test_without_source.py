"""Adapters of plain families, made with no modeling source in reach and served as plugins, compute what they should."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.coverage.environment import environment
from tests.bench.coverage.outcomes import Outcome, compare
from tests.bench.coverage.rows import make_rows, rows
from tests.bench.coverage.server import Server
from tests.engine.conftest import SCAFFOLD
from tests.lab.engine import engine

pytestmark = pytest.mark.engine
ROWS = ("llama@tied", "mistral", "qwen2", "qwen3", "mixtral", "qwen2_moe", "qwen3_moe")


def make_plugin(row: str, folder: Path) -> tuple[Path, str]:
    """Run ``new-model`` where there is no environment, so no transformers to look into; return folder and package."""
    words = ["new-model", rows()[row].checkpoint, "--strategy", "native", "--placement", "plugin"]
    roots = ["--output", folder / "plugin", "--vllm", engine().pristine, "--work", folder]
    command = [str(word) for word in (SCAFFOLD, *words, *roots, "--json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["strategy"] == "native"
    assert (document["holes"], document["weights"]["unrouted"]) == ([], [])
    (package,) = (path.name for path in (folder / "plugin" / "src").iterdir())
    return folder / "plugin" / "src", package


def serve(server: Server, row: str, plugin: tuple[Path, str]) -> Outcome:
    """Serve a row's checkpoint by a plugin, and compare the answer with the one of transformers."""
    reference = rows()[row].reference
    job = {
        "name": plugin[0].parts[-3],
        "checkpoint": str(rows()[row].checkpoint),
        "prompt": reference["prompt"],
        "new_tokens": len(reference["greedy"]),
        "model_impl": "vllm",
        "plugin": [str(plugin[0]), plugin[1]],
    }
    return compare(reference, server.ask(job))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    make_rows([rows()[name] for name in ROWS])
    with Server(environment(), tmp_path_factory.mktemp("logs")) as running:
        yield running


@pytest.mark.parametrize("row", ROWS)
def test_served_it_is_right(server: Server, row: str, tmp_path: Path) -> None:
    outcome = serve(server, row, make_plugin(row, tmp_path))
    print(f"{row}: {outcome.difference:.1e}, {outcome.greedy} of {outcome.asked} greedy tokens")
    assert outcome.right, outcome


def test_it_is_the_plugin_that_is_served(server: Server, tmp_path: Path) -> None:
    """vLLM has models of these names: what is planted in the plugin has to show."""
    source, package = make_plugin("qwen3", tmp_path)
    (adapter,) = (source / package).glob("qwen3.py")
    text = adapter.read_text()
    assert text.count("self.head_dim**-0.5") == 1
    adapter.write_text(text.replace("self.head_dim**-0.5", "0.01"))
    outcome = serve(server, "qwen3", (source, package))
    assert outcome.loaded
    assert not outcome.right
