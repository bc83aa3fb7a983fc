"""The work directory of a command: where it is, with no more imported than that takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from scaffold.cli.settings import container_root, defaults
from scaffold.common.errors import UsageError

DIRECTORY = click.Path(path_type=Path, file_okay=True)
work_option = click.option(
    "--work", type=DIRECTORY, help="The work directory: `vllm serve` is started there, and it keeps .scaffold/."
)


def work_directory(given: Mapping[str, Any]) -> Path:
    """Return the work directory: as given, as settings say, of the container's layout, or the current one.

    Raises:
        UsageError: it is no directory.
    """
    named = given.get("work") or defaults(Path.cwd()).get("work")
    work = Path(named) if named else container_root("work") or Path.cwd()
    if not work.is_dir():
        raise UsageError("no such directory", where=str(work), expected="a directory", remedy="make it first")
    return work.resolve()
