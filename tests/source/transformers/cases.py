"""What the interpreter makes of ``library_cases``, and how that compares with a release of transformers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from scaffold.source.interpreter import Interpreter
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch.tensors import Tensor
from scaffold.source.transformers.imports import resolver
from tests.source.torch.test_torch_ops import alike, plain

HERE = Path(__file__).parent
NAMES = [
    name
    for name, node in SourceFile.parse(HERE / "library_cases.py").definitions.items()
    if type(node).__name__ == "FunctionDef"
]


def embeddings() -> Any:
    """Return ``[1, 13, 6]``."""
    return np.random.default_rng(7).normal(size=(1, 13, 6))


def interpreted(name: str, transformers: Path | None, release: str) -> Any:
    """Return what the interpreter computes with the library of an engine, or without one, as source of a release.

    Raises:
        NotUnderstood: it is a hole.
    """
    interpreter = Interpreter(resolver(transformers))
    function = interpreter.global_name(SourceFile.parse(HERE / "library_cases.py"), name)
    return plain(interpreter.call(function, [release, Tensor(embeddings())], {}, "here"))


def answers(python: Path, release: str) -> dict[str, Any]:
    """Return what a release of transformers computes, by the Python that has it."""
    given = json.dumps({"release": release, "x": embeddings().tolist()})
    command = [str(python), str(HERE / "run_library_cases.py")]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def compared(python: Path, transformers: Path, release: str) -> Iterator[tuple[str, str, str]]:
    """Yield case, ``agrees``, ``hole``, ``differs`` or ``unknown`` (to the release), and why."""
    for name, wanted in answers(python, release).items():
        if isinstance(wanted, dict):
            yield name, "unknown", wanted["error"]
            continue
        try:
            found = interpreted(name, transformers, release)
        except NotUnderstood as hole:
            yield name, "hole", str(hole)
            continue
        yield name, "agrees" if alike(found, wanted) else "differs", ""
