"""The target environment: which vLLM runs there, from where, on what device. It is asked, never imported."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold_validators.problem import Problem

PROBE = """
import importlib.metadata as metadata, importlib.util as util, json
def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
def place(name):
    spec = util.find_spec(name)
    return spec.origin if spec else None
names = ("vllm", "vllm_ascend", "torch", "torch_npu", "transformers")
print(json.dumps({n: [version(n.replace("_", "-")), place(n)] for n in names}))
"""
HOW_TO_GET = "install vLLM there, or name another environment with --python (in the container: python3)"


@dataclass(frozen=True)
class Engine:
    """A Python that has vLLM."""

    python: Path
    vllm_file: Path
    transformers: Path | None
    versions: dict[str, str]
    device: str
    """``npu`` where torch_npu and vllm-ascend are installed, else ``cpu``."""


def probe(python: Path) -> Engine:
    """Ask a Python what it has. No part of vLLM is imported.

    Raises:
        Problem: there is no such Python, or it has no vLLM (exit code 3).
    """
    try:
        result = subprocess.run(
            [str(python), "-c", PROBE],
            capture_output=True,
            text=True,
            check=False,
            env=clean_environment(),
            cwd="/",
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _lacking(python, f"a Python that does not start ({error})") from error
    if result.returncode != 0:
        raise _lacking(python, f"a Python that ended with {result.returncode}: {result.stderr[-300:]}")
    found: dict[str, Any] = json.loads(result.stdout)
    place = found["vllm"][1]
    if place is None:
        raise _lacking(python, "no vLLM")
    transformers = found["transformers"][1]
    npu = found["torch_npu"][1] is not None and found["vllm_ascend"][1] is not None
    return Engine(
        python=python,
        vllm_file=Path(place),
        transformers=Path(transformers).parent if transformers else None,
        versions={name: version for name, (version, _) in found.items() if version},
        device="npu" if npu else "cpu",
    )


def check_import_path(engine: Engine, root: Path) -> None:
    """Check that the environment runs the very tree that is edited.

    Raises:
        Problem: ``vllm.__file__`` lies elsewhere (exit code 2).
    """
    if not engine.vllm_file.resolve().is_relative_to(root.resolve()):
        raise Problem(
            f"vllm.__file__ is {engine.vllm_file}",
            where=str(engine.python),
            expected=f"a file below {root}",
            remedy=f"install the tree in development mode there (pip install -e {root}); no PYTHONPATH",
            exit_code=2,
        )


def check_command(engine: Engine) -> Path:
    """Return the ``vllm`` command of the environment.

    Raises:
        Problem: there is none beside its Python.
    """
    command = engine.python.parent / "vllm"
    if not command.is_file():
        raise Problem(
            "no vllm command",
            where=str(command),
            expected="the vllm command beside the environment's Python",
            remedy=HOW_TO_GET,
        )
    return command


def clean_environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """Return the environment for a target process: this one's, without our own Python's settings."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**kept, **(extra or {})}


def _lacking(python: Path, found: str) -> Problem:
    return Problem(found, where=str(python), expected="an environment with vLLM", remedy=HOW_TO_GET)
