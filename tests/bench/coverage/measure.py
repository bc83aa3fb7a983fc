"""One row measured: the generated adapter, vLLM's native model and its Transformers backend, in one run."""

from __future__ import annotations

import ast
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.coverage.generate import Generated, generate
from tests.bench.coverage.outcomes import NOT_SERVED, Outcome, compare
from tests.bench.coverage.rows import Row
from tests.bench.coverage.server import SERVE, Server

FOLDER = Path(".bench/coverage")
REGISTRY = "vllm/model_executor/models/registry.py"


@dataclass(frozen=True)
class Result:
    """What a row came to."""

    row: Row
    generated: Generated
    own: Outcome
    native: Outcome
    backend: Outcome
    native_known: bool

    @property
    def right(self) -> bool:
        """Return whether the generated adapter needs no hand: no hole, all tensors routed and proved, right.

        What names a platform is not right, whatever it answers.
        """
        proved = not self.generated.holes and self.generated.proved and not self.generated.names_platform
        return proved and self.own.right

    @property
    def wrong(self) -> bool:
        """Return whether the adapter has no hole and yet computes something else: the worst that can be."""
        return self.generated.plugin is not None and self.own.loaded and not self.own.right

    def to_json(self) -> dict[str, Any]:
        """Return all that helps to see why."""
        return {
            "architecture": self.row.name,
            "right": self.right,
            "seconds": self.generated.seconds,
            "holes": list(self.generated.holes),
            "proved": self.generated.proved,
            "proof": self.generated.proof_errors,
            "generator": self.generated.errors,
            "own": asdict(self.own),
            "native": asdict(self.native),
            "backend": asdict(self.backend),
        }


def measure(row: Row, server: Server, vllm: Path, reuse: bool) -> Result:
    """Generate, serve and compare one row.

    Args:
        row: a row whose checkpoint is made.
        server: the running server.
        vllm: the tree that it runs.
        reuse: take what vLLM's own two ways came to in an earlier run with the same checkpoint, if there is one.
    """
    folder = (FOLDER / row.folder.name.rsplit("-", 1)[0]).resolve()
    generated = generate(row, server.environment, folder)
    own = NOT_SERVED
    if generated.plugin is not None and generated.package is not None:
        own = _serve(row, server, "own", "vllm", (generated.plugin / "src", generated.package))
    known = architecture(row) in registered(vllm)
    native = _upstream(row, server, "native", "vllm", reuse) if known else NOT_SERVED
    backend = _upstream(row, server, "backend", "transformers", reuse)
    result = Result(row, generated, own, native, backend, known)
    (folder / "result.json").write_text(json.dumps(result.to_json(), indent=2) + "\n")
    return result


def architecture(row: Row) -> str:
    """Return the class that the checkpoint asks for."""
    config = json.loads((row.checkpoint / "config.json").read_text())
    return str(config["architectures"][0])


def registered(vllm: Path) -> set[str]:
    """Return the architectures that vLLM has a model of its own for, which its backend's entries are not."""
    names: set[str] = set()
    for statement in ast.parse((vllm / REGISTRY).read_text()).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict):
            (target,) = statement.targets
            if isinstance(target, ast.Name) and target.id.endswith("_MODELS") and "TRANSFORMERS" not in target.id:
                names |= {key.value for key in statement.value.keys if isinstance(key, ast.Constant)}  # type: ignore[misc]
    return names


def _upstream(row: Row, server: Server, way: str, model_impl: str, reuse: bool) -> Outcome:
    """Serve by one of vLLM's own ways; the answer is kept beside the checkpoint."""
    digest = hashlib.sha256(SERVE.read_bytes()).hexdigest()[:12]
    kept = row.folder / f"{way}-{digest}.json"
    if reuse and kept.is_file():
        return Outcome(**json.loads(kept.read_text()))
    outcome = _serve(row, server, way, model_impl, None)
    kept.write_text(json.dumps(asdict(outcome)))
    return outcome


def _serve(row: Row, server: Server, way: str, model_impl: str, plugin: tuple[Path, str] | None) -> Outcome:
    reference = row.reference
    job = {
        "name": f"{row.checkpoint.name}-{way}",
        "checkpoint": str(row.checkpoint),
        "prompt": reference["prompt"],
        "new_tokens": len(reference["greedy"]),
        "model_impl": model_impl,
        "plugin": [str(plugin[0]), plugin[1]] if plugin else None,
    }
    return compare(reference, server.ask(job))
