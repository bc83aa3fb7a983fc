"""The target environment: which vLLM runs there, from where, on what device. It is asked, never imported."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from scaffold_validators.problem import Problem
from scaffold_validators.processes import run
from scaffold_validators.records import structure

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
PROBE_SECONDS = 60
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
        ended = run([str(python), "-c", PROBE], cwd=Path("/"), seconds=PROBE_SECONDS)
    except OSError as error:
        raise _lacking(python, f"a Python that does not start ({error})") from error
    if ended.returncode is None:
        raise _lacking(python, f"a Python that does not answer in {PROBE_SECONDS} s")
    if ended.returncode != 0:
        raise _lacking(python, f"a Python that ended with {ended.returncode}: {ended.errors[-300:]}")
    try:
        found = structure(json.loads(ended.output), dict[str, tuple[str | None, ...]], "packages")
        places = {name: place for name, (_, place) in found.items()}
        place, transformers = places["vllm"], places["transformers"]
        npu = places["torch_npu"] is not None and places["vllm_ascend"] is not None
    except (ValueError, KeyError) as error:
        raise _lacking(python, f"a Python that answers {ended.output[:100]!r} ({error})") from error
    if place is None:
        raise _lacking(python, "no vLLM")
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


def _lacking(python: Path, found: str) -> Problem:
    return Problem(found, where=str(python), expected="an environment with vLLM", remedy=HOW_TO_GET)
