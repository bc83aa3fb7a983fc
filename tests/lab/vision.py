"""torchvision for the engine's Python: a CUDA build whose Python part works once its operators' schemas are defined."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.lab.cache import once
from tests.lab.commands import run
from tests.lab.engine import engine

TORCHVISION = "0.28.*"
"""What pairs with torch 2.13: https://github.com/pytorch/vision#installation."""
HOOK = '''\
"""Before torchvision is imported, the schemas of the operators that its CPU build would define."""

import sys
from importlib.abc import MetaPathFinder


class Schemas(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch

            self.library = torch.library.Library("torchvision", "DEF")
            for name in ("nms", "qnms"):
                self.library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            sys.torchvision_schemas = self


sys.meta_path.insert(0, Schemas())
'''


def vision_packages() -> Path:
    """Return a directory for ``PYTHONPATH`` with torchvision and the hook, fetched on first use (8 MB)."""
    return once("torchvision-0.28", f"fetching torchvision {TORCHVISION}", _fetch)


def with_images(*more: Path) -> dict[str, str]:
    """Return the environment of a process that serves models with images, with further places to import from."""
    path = os.pathsep.join(map(str, (*more, vision_packages())))
    return {**os.environ, "PYTHONPATH": path}


def _fetch(root: Path) -> None:
    pip = (engine().python, "-m", "pip") if _has_pip() else (sys.executable, "-m", "pip")
    run(
        *pip,
        "--disable-pip-version-check",
        "--quiet",
        "install",
        "--no-deps",
        f"torchvision=={TORCHVISION}",
        "-t",
        root,
    )
    (root / "sitecustomize.py").write_text(HOOK)


def _has_pip() -> bool:
    return (engine().site_packages / "pip").is_dir()
