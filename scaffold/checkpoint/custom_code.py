"""Python files in a checkpoint. They are named here, and never executed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from scaffold.checkpoint.facts import Evidence, Fact
from scaffold.checkpoint.text import printable

SHOWN = 6


def facts(directory: Path, auto_map: Mapping[str, str]) -> Iterator[Fact]:
    """Yield whether there is custom code: its files, and the files to which the config refers."""
    files = sorted(printable(path.name) for path in directory.glob("*.py"))
    evidence = tuple(Evidence("file", name) for name in files[:SHOWN])
    evidence += tuple(Evidence("config", f"auto_map.{printable(k)}", printable(v)) for k, v in auto_map.items())
    elsewhere = sorted({v.partition("--")[0] for v in auto_map.values() if "--" in v})
    if elsewhere:
        value = f"in another repository, {printable(elsewhere[0])}"
    elif files and auto_map:
        value = f"{len(files)} Python file{'s' if len(files) > 1 else ''}; vllm serve needs --trust-remote-code for it"
    elif files:
        value = f"{len(files)} Python file{'s' if len(files) > 1 else ''} that the config does not refer to"
    elif auto_map:
        value = "the config refers to Python files that are not there"
    else:
        value = "none"
    yield Fact("custom code", value, evidence)
