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
from scaffold.source.transformers.config_object import make
from scaffold.source.transformers.imports import resolver
from tests.source.torch.test_torch_ops import flat, plain, shape

HERE = Path(__file__).parent
CONFIG: dict[str, Any] = {
    "hidden_size": 32,
    "num_attention_heads": 4,
    "head_dim": 8,
    "num_hidden_layers": 2,
    "max_position_embeddings": 32,
    "rope_theta": 10000.0,
    "sliding_window": 5,
    "attention_chunk_size": 4,
}
OF_LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}
FACTORS = [1.0, 1.5, 2.0, 2.5]
SCALINGS: dict[str, dict[str, Any]] = {
    "frequencies_that_are_stretched": {"rope_type": "linear", "factor": 3.0},
    "frequencies_beyond_the_trained_length": {"rope_type": "dynamic", "factor": 3.0},
    "frequencies_of_llama3": {"rope_type": "llama3", "factor": 8.0, **OF_LLAMA3},
    "frequencies_of_yarn": {"rope_type": "yarn", "factor": 4.0},
    "frequencies_of_yarn_from_another_length": {
        "rope_type": "yarn",
        "factor": 4.0,
        "original_max_position_embeddings": 16,
    },
    "frequencies_of_longrope": {
        "rope_type": "longrope",
        "factor": 2.0,
        "short_factor": FACTORS,
        "long_factor": FACTORS,
    },
}
"""Case → ``rope_scaling`` of its config."""
NAMES = [
    name
    for name, node in SourceFile.parse(HERE / "library_cases.py").definitions.items()
    if type(node).__name__ == "FunctionDef"
]


def embeddings() -> Any:
    """Return ``[1, 13, 6]``."""
    return np.random.default_rng(7).normal(size=(1, 13, 6))


def config_of(name: str) -> dict[str, Any]:
    """Return what the config of a case says."""
    return {**CONFIG, **({"rope_scaling": SCALINGS[name]} if name in SCALINGS else {})}


def interpreted(name: str, transformers: Path, release: str) -> Any:
    """Return what the interpreter computes with the library of an engine, as source of a release.

    Raises:
        NotUnderstood: it is a hole.
    """
    interpreter = Interpreter(resolver(transformers))
    function = interpreter.global_name(SourceFile.parse(HERE / "library_cases.py"), name)
    config = make(interpreter, None, {**config_of(name), "transformers_version": release})
    return plain(interpreter.call(function, [config, Tensor(embeddings())], {}, "here"))


def answers(python: Path) -> dict[str, Any]:
    """Return what a release of transformers computes, by the Python that has it."""
    given = json.dumps({"configs": {name: config_of(name) for name in NAMES}, "x": embeddings().tolist()})
    command = [str(python), str(HERE / "run_library_cases.py")]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def compared(python: Path, transformers: Path, release: str) -> Iterator[tuple[str, str, str]]:
    """Yield case, ``agrees``, ``hole``, ``differs`` or ``unknown`` (to the release), and why."""
    for name, wanted in answers(python).items():
        if isinstance(wanted, dict):
            yield name, "unknown", wanted["error"]
            continue
        try:
            found = interpreted(name, transformers, release)
        except NotUnderstood as hole:
            yield name, "hole", str(hole)
            continue
        same = shape(found) == shape(wanted) and np.allclose(flat(found), flat(wanted), rtol=1e-9, atol=1e-12)
        yield name, "agrees" if same else "differs", ""
