"""Both trees, and what vllm-ascend puts in the place of vLLM's code: read once for all models."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scaffold.ascend.patched import Gone, Patch, Registration, read_patches, registered_layers
from scaffold.ascend.platform import ASCEND, PlatformFacts
from scaffold.ascend.soc import ASSUMED, Soc
from scaffold.ascend.tables import HAS_TRITON
from scaffold.ascend.trees import Trees
from scaffold.ascend.values import TRUE, UNKNOWN, Values, constant
from scaffold.ascend.walk import Walker
from scaffold.common.errors import UsageError

_VERSION = re.compile(r"^__version__ = (?:version = )?['\"]([\w.+-]+)['\"]", re.MULTILINE)
_ALL_ENABLED = re.compile(r"\.custom_ops\s*=\s*\[\s*\"all\"\s*\]")
PLATFORM = Path("vllm_ascend/platform.py")
DEEP = 20_000
"""Python's own limit while calls are followed: each of the model's calls is some fifteen of ours."""


@dataclass(frozen=True)
class Target:
    """What will run.

    Attributes:
        version: the release of vLLM; empty if its tree does not say it.
        answers: what functions give that are not followed.
        gone: what patch modules import in vain.
        unread: patch modules in which no target was found.
        soc: the generation of NPUs.
    """

    trees: Trees
    version: str
    answers: Mapping[str, Values]
    layers: Mapping[str, Registration]
    patches: Mapping[tuple[str, str, str], Patch]
    gone: tuple[Gone, ...]
    unread: tuple[str, ...]
    soc: Soc = ASSUMED

    def walker(self, facts: PlatformFacts, config: Mapping[str, object] | None, is_quantised: bool | None) -> Walker:
        """Return a walk on a platform; what vllm-ascend replaces counts on its own."""
        return Walker(
            self.trees,
            facts,
            self.layers if facts.replaces else {},
            self.patches if facts.replaces else {},
            config,
            is_quantised,
            self.version,
            self.answers,
        )


def read_target(vllm: Path, ascend: Path, soc: Soc = ASSUMED) -> Target:
    """Read the layers and patches of vllm-ascend, for a generation of NPUs.

    Raises:
        UsageError: one of them is no source tree.
    """
    trees, version, answers = _trees(vllm, ascend), _version(vllm), _answers(ascend, soc)
    with undisturbed():
        reader = Walker(trees, ASCEND, version=version, answers=answers)
        layers = registered_layers(reader)
        patches = read_patches(reader)
    return Target(trees, version, answers, layers, patches.by_key, patches.gone, patches.unread, soc)


def _trees(vllm: Path, ascend: Path) -> Trees:
    for root, package, option in ((vllm, "vllm", "--vllm"), (ascend, "vllm_ascend", "--ascend")):
        if not (root / package).is_dir():
            raise UsageError(
                f"no {package} package",
                where=str(root),
                expected="a source tree",
                remedy=f"pass the root of the checkout with {option}",
            )
    return Trees(vllm, ascend)


def _version(vllm: Path) -> str:
    file = vllm / "vllm" / "_version.py"
    found = _VERSION.search(file.read_text(encoding="utf-8")) if file.is_file() else None
    return found[1].split("+")[0] if found else ""


def _answers(ascend: Path, soc: Soc) -> dict[str, Values]:
    """Return what is known of functions and names that are not followed: the device, and which layers dispatch."""
    file = ascend / PLATFORM
    enabled = file.is_file() and _ALL_ENABLED.search(file.read_text(encoding="utf-8")) is not None
    return {
        "vllm_ascend.utils.is_310p": constant(soc.name == "310P"),
        "vllm_ascend.utils.is_950": constant(soc.name == "A5"),
        "vllm_ascend.utils.get_ascend_device_type": constant(soc.number),
        "vllm.model_executor.custom_op.CustomOp.enabled": TRUE if enabled and soc.all_custom_ops else UNKNOWN,
        HAS_TRITON: constant(soc.has_triton),
    }


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let calls be followed deeply, and without the collector, which only looks at syntax trees that stay."""
    limit, collects = sys.getrecursionlimit(), gc.isenabled()
    sys.setrecursionlimit(max(limit, DEEP))
    gc.disable()
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
        if collects:
            gc.enable()
