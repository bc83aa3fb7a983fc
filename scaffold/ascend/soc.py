"""Generations of NPUs: what vllm-ascend is told of each, and what its own code says that one of them cannot do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scaffold.ascend.trees import Site


@dataclass(frozen=True)
class Soc:
    """A generation.

    Attributes:
        name: as vllm-ascend's documents call it.
        number: its value of ``AscendDeviceType`` (vllm_ascend/utils.py).
        has_triton: whether triton-ascend is there; not on 310P (docs/source/installation.md).
        all_custom_ops: whether the platform switches all custom layers on; not on 310P (vllm_ascend/platform.py).
        devices: how the names begin that ``npu-smi`` has for it.
    """

    name: str
    number: int
    has_triton: bool = True
    all_custom_ops: bool = True
    devices: tuple[str, ...] = ()


SOCS = {
    soc.name: soc
    for soc in (
        Soc("A2", 0, devices=("910B",)),
        Soc("A3", 1, devices=("910_93", "Ascend910")),
        Soc("310P", 2, has_triton=False, all_custom_ops=False, devices=("310P",)),
        Soc("A5", 3, devices=("950", "910_95", "Ascend950")),
    )
}
ASSUMED = SOCS["A2"]
"""Where nobody says which: an A3 takes the same ways, but for the communication of experts."""


def soc_of(device: str) -> Soc | None:
    """Return the generation of a device that ``npu-smi`` shows; None for one that is not known."""
    return next((soc for soc in SOCS.values() if device.startswith(soc.devices)), None)


@dataclass(frozen=True)
class Limit:
    """A row: what a generation cannot do, where the vllm-ascend tree at hand says so.

    Attributes:
        soc: the generation.
        builds: the layer of vLLM's that needs it; empty for every model.
        says: the line of vllm-ascend that refuses, a regular expression.
        folder: where that line stands.
        meaning: what it is.
        stops: whether no server can be started; else it is to be known.
    """

    soc: str
    builds: str
    says: str
    folder: str
    meaning: str
    stops: bool


LIMITS = (
    Limit("310P", "MLAAttention", r"MLAAttention is not supported", "vllm_ascend/_310p", "no latent attention", True),
    Limit(
        *("310P", "Indexer", r"Deepseek Sparse Attention is not supported", "vllm_ascend/_310p"),
        *("no sparse attention", True),
    ),
    Limit(
        *("310P", "FusedMoE", r"Expert Parallel is not supported", "vllm_ascend/_310p"),
        *("experts without expert parallel (no --enable-expert-parallel)", False),
    ),
    Limit(
        *("310P", "FusedMoE", r"Only Unquant and W8A8 is supported", "vllm_ascend/_310p"),
        *("quantised experts in W8A8 alone", False),
    ),
    Limit(
        *("310P", "FusedMoE", r"routed_scaling_factor != 1\.0 is not supported", "vllm_ascend/_310p"),
        *("experts whose layer is given no routed_scaling_factor but 1.0", False),
    ),
    Limit(
        *("310P", "", r"tab-item\} Atlas 300I DUO(?:(?!tab-item)[\s\S])*?--dtype float16"),
        *("docs/source/tutorials/models", "served in float16 (--dtype)", False),
    ),
    Limit(
        *("310P", "", r"explicit `--max-model-len` for 310P", "docs/source/tutorials/models"),
        *("--max-model-len has to be given, as the mask of attention grows with it", False),
    ),
)


@dataclass(frozen=True)
class Limited:
    """A limit that holds for a model, with the line that says so."""

    limit: Limit
    site: Site
    only_if: str = ""
    """The condition under which the model builds what needs it; empty if it does so in any case."""

    @property
    def stops(self) -> bool:
        """Return whether no server can be started."""
        return self.limit.stops and not self.only_if


def limits(soc: Soc, ascend: Path, built: Mapping[str, str]) -> Iterator[Limited]:
    """Yield the limits of a generation that hold for a model.

    Args:
        soc: the generation.
        ascend: a vllm-ascend source tree; a row whose line it does not have does not hold any more.
        built: name of each class that the model builds → the condition under which it does; empty for none.
    """
    for limit in LIMITS:
        if limit.soc == soc.name and (not limit.builds or limit.builds in built):
            site = _line(ascend / limit.folder, re.compile(limit.says, re.MULTILINE))
            if site is not None:
                yield Limited(limit, site, built.get(limit.builds, ""))


def _line(folder: Path, says: re.Pattern[str]) -> Site | None:
    from scaffold.ascend.trees import Site  # here, as the command line asks for the names of generations alone

    for path in sorted((*folder.rglob("*.py"), *folder.rglob("*.md"))):
        text = path.read_text(encoding="utf-8", errors="replace")
        found = says.search(text)
        if found is not None:
            return Site(path, text.count("\n", 0, found.end()) + 1)
    return None
