"""The variables with which processes of the target's environment are started: what is kept, and what is set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scaffold_validators.records import structure

HIDDEN = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
"""What says where *this* Python finds its packages: the target's has its own."""
ROWS_FILE = Path(__file__).with_name("environments.yaml")


@dataclass(frozen=True)
class Variable:
    """A row of ``environments.yaml``: a variable of servers, and where it is set.

    Attributes:
        devices: on which; all if empty.
        stages: in which; all if empty.
        why: what it is for.
        source: where that stands.
    """

    name: str
    value: str
    why: str
    source: str
    devices: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()

    def holds(self, device: str, stage: str) -> bool:
        """Return whether it is set for a stage on a device."""
        return device in (self.devices or (device,)) and stage in (self.stages or (stage,))


@cache
def variables() -> tuple[Variable, ...]:
    """Return the rows."""
    import yaml

    return structure(yaml.safe_load(ROWS_FILE.read_text(encoding="utf-8")), tuple[Variable, ...], ROWS_FILE.name)


def server_environment(device: str, stage: str, own: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what a server gets: the rows for its device and stage; what the user has set stays the user's."""
    rows = (row for row in variables() if row.holds(device, stage))
    return {row.name: own.get(row.name, row.value) for row in rows}


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's variables without the settings of its own Python, and with ``extra``."""
    kept = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    return {**kept, **(extra or {})}
