"""On which device gates run: asked of ``npu-smi``, or told; its name and driver are evidence."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from scaffold_validators.engine import Engine
from scaffold_validators.problem import Problem
from scaffold_validators.processes import run

NPU, CPU = "npu", "cpu"
ASK_SECONDS = 30.0
CANN = Path("/usr/local/Ascend/ascend-toolkit/latest")
"""vllm-ascend: Dockerfile."""
_VERSION = re.compile(r"Version:\s*(\S+)")
_CARD = re.compile(r"^\|\s*\d+\s+(\S+)\s+\|", re.MULTILINE)


@dataclass(frozen=True)
class Device:
    """A device.

    Attributes:
        kind: ``npu`` or ``cpu``.
        name: of its model, such as ``910B3``; empty where nothing says it.
        count: how many there are; 1 for a CPU.
        driver: the version of its driver.
        cann: the version of CANN.
    """

    kind: str
    name: str = ""
    count: int = 1
    driver: str = ""
    cann: str = ""

    def versions(self) -> dict[str, str]:
        """Return what is known of it, for the versions of a verdict."""
        known = {"device": self.name, "driver": self.driver, "cann": self.cann}
        return {name: value for name, value in known.items() if value}


def find_device(engine: Engine, asked: str | None = None) -> Device:
    """Return the device that an engine is going to use.

    Args:
        engine: what the environment has.
        asked: ``npu`` or ``cpu``, where the user says which.

    Raises:
        Problem: the environment is made for NPUs, and none answers (exit code 3).
    """
    if (asked or engine.device) == CPU:
        return Device(CPU, _cpu_name())
    found = _ask_npu_smi()
    if found is not None:
        return found
    if asked == NPU:
        return Device(NPU, cann=cann_version())
    raise Problem(
        "torch_npu and vllm-ascend, and no NPU that npu-smi shows",
        where=str(engine.python),
        expected="devices, driver and firmware in this container (docker run --device /dev/davinci0 …)",
        remedy="mount them as vllm-ascend's installation page says, or pass --device npu or --device cpu",
    )


def parse_npu_smi(said: str) -> Device | None:
    """Return the device of what ``npu-smi info`` says, None where it shows no card."""
    cards = _CARD.findall(said)
    version = _VERSION.search(said)
    return Device(NPU, cards[0], len(cards), version[1] if version else "", cann_version()) if cards else None


def cann_version(root: Path = CANN) -> str:
    """Return the version of CANN below a root, empty where there is none."""
    for path in sorted(root.glob("*/ascend_toolkit_install.info")):
        found = re.search(r"^version=(\S+)", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
        if found:
            return found[1]
    return ""


def _ask_npu_smi() -> Device | None:
    command = shutil.which("npu-smi")
    if command is None:
        return None
    ended = run([command, "info"], cwd=Path("/"), seconds=ASK_SECONDS)
    return parse_npu_smi(ended.output) if ended.returncode == 0 else None


def _cpu_name() -> str:
    try:
        said = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(r"^model name\s*:\s*(.+)$", said, re.MULTILINE)
    return found[1].strip() if found else ""
