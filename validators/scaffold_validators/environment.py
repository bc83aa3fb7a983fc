"""The variables with which a process of the target's environment is started."""

from __future__ import annotations

import os
from collections.abc import Mapping

HIDDEN = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
"""What says where *this* Python finds its packages: the target's has its own."""


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's variables without the settings of its own Python, and with ``extra``."""
    kept = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    return {**kept, **(extra or {})}
