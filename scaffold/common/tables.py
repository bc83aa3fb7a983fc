"""The tool's own tables in YAML, read by libyaml, which is ten times as fast, where PyYAML comes with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""A safe one, either way."""


def read_table(path: Path) -> Any:
    """Return what a file of ours says; files of others are read where their errors are told."""
    return parse_table(path.read_text(encoding="utf-8"))


def parse_table(text: str) -> Any:
    """Return what the text of a table says."""
    return yaml.load(text, LOADER)  # noqa: S506 - see LOADER
