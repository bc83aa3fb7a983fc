"""How an engine's processes come by the stand-ins, and which of them a process says were in use."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from scaffold_validators.shims.on_path.scaffold_shims import SAID, SHIMS

ON_PATH = Path(__file__).parent / "on_path"
PLUGIN = "scaffold_shims"
DEVICES = ("cpu",)
"""Where engines are known to have kernels that answer wrongly. On an NPU nothing stands between vLLM and the model."""
_SAID = re.compile(re.escape(SAID) + r"([\w.-]+)")


def shim_variables(device: str) -> dict[str, str]:
    """Return the variables with which all processes of an engine load the plugin; none where none is needed."""
    if device not in DEVICES:
        return {}
    asked = os.environ.get("VLLM_PLUGINS")
    chosen = {} if asked is None else {"VLLM_PLUGINS": ",".join(filter(None, (asked, PLUGIN)))}
    return {"PYTHONPATH": str(ON_PATH), **chosen}


def is_stand_ins(place: str) -> bool:
    """Return whether a PYTHONPATH is the folder of the stand-ins, wherever this tool is installed."""
    return Path(place).parts[-3:] == ON_PATH.parts[-3:]


def named_in(log: str) -> tuple[str, ...]:
    """Return the stand-ins that a server's log says were in use, each once."""
    return tuple(dict.fromkeys(_SAID.findall(log)))


def described(names: Iterable[str]) -> list[Mapping[str, str]]:
    """Return what a verdict keeps of stand-ins: what was wrong with the kernels, and in which vLLM releases."""
    rows = {shim.name: shim for shim in SHIMS}
    return [
        {
            "name": name,
            "why": rows[name].why,
            "releases": f"{rows[name].since} and later" + (f", before {rows[name].before}" * bool(rows[name].before)),
            "stands_in_for": f"{rows[name].module}.{rows[name].path}",
        }
        for name in names
        if name in rows
    ]


def remark(names: Iterable[str]) -> str:
    """Return what a verdict's reason says of them; empty without any."""
    shown = "; ".join(f"{row['name']}: {row['why']}" for row in described(names))
    return shown and f"; stood in for kernels of this engine that answer wrongly: {shown}"
