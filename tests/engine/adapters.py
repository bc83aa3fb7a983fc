"""Generated adapters of the coverage rows, served by vLLM in a process that is started once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.coverage.environment import environment
from tests.bench.coverage.generate import Generated, generate
from tests.bench.coverage.outcomes import Outcome, compare
from tests.bench.coverage.rows import make_rows, rows
from tests.bench.coverage.server import Server
from tests.lab.engine import VLLM


@dataclass
class Adapters:
    """Generates each row's adapter once and asks the server."""

    server: Server
    folder: Path
    made: dict[str, Generated] = field(default_factory=dict)

    def answer(
        self, name: str, options: Mapping[str, Any] | None = None, checkpoint: Path | None = None, lora: str = ""
    ) -> dict[str, Any]:
        """Return what a row's adapter answers with options of ``LLM``, perhaps with another checkpoint or a LoRA."""
        row = rows()[name]
        make_rows([row])
        if name not in self.made:
            self.made[name] = generate(row, self.server.environment, self.folder / name)
        generated = self.made[name]
        assert generated.plugin is not None, (generated.errors, generated.holes)
        assert generated.package is not None
        source = generated.plugin / "src"
        _name_entry_point(source, generated.package)
        plugin = [str(source), generated.package]
        return self.ask(name, checkpoint or row.checkpoint, options, lora, plugin)

    def ask(
        self,
        name: str,
        checkpoint: Path,
        options: Mapping[str, Any] | None = None,
        lora: str = "",
        plugin: list[str] | None = None,
    ) -> dict[str, Any]:
        """Return what a plugin answers to a row's prompt with a checkpoint; without one, what vLLM's own model does."""
        reference = rows()[name].reference
        return self.server.ask(
            {
                "name": name,
                "checkpoint": str(checkpoint),
                "prompt": reference["prompt"],
                "new_tokens": len(reference["greedy"]),
                "model_impl": "vllm",
                "plugin": plugin,
                "options": dict(options or {}),
                "lora": lora,
            }
        )

    def outcome(self, name: str, options: Mapping[str, Any] | None = None) -> Outcome:
        """Return how near the answer is to transformers'."""
        answer = self.answer(name, options)  # which makes the row
        return compare(rows()[name].reference, answer)


def _name_entry_point(source: Path, package: str) -> None:
    """Write the metadata that pip would, so that worker processes find the plugin on ``sys.path``."""
    info = source / f"{package}-0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0\n")
    (info / "entry_points.txt").write_text(f"[vllm.general_plugins]\n{package} = {package}:register\n")


@contextmanager
def adapters(folder: Path, release: str = VLLM) -> Iterator[Adapters]:
    """Start the process for a vLLM release, and end it."""
    with Server(environment(release), folder / "logs") as server:
        yield Adapters(server, folder)
