"""The environment that serves: the engine's packages, and the untouched vLLM tree as ``vllm``."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tests.lab.cache import once
from tests.lab.engine import LAUNCHER, VLLM, engine, environment_for


@dataclass(frozen=True)
class Environment:
    """A Python that has vLLM."""

    python: Path
    vllm_version: str


def environment(version: str = VLLM) -> Environment:
    """Return it for a vLLM release, made on first use."""
    made = engine(version)

    def build(root: Path) -> None:
        environment_for(made, made.pristine, root / "venv")

    form = hashlib.sha256(LAUNCHER.encode()).hexdigest()[:8]
    root = once(f"serving-{made.version}-{form}", "an environment that serves", build)
    return Environment(root / "venv" / "bin" / "python", made.version)
