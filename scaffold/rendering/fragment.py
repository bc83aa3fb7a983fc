"""One file of Jinja, filled from values."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def fill(file: Path, **values: object) -> str:
    """Return the text of a template with these values. They are data: none of them is evaluated as a template.

    Raises:
        jinja2.UndefinedError: the template names a value that is not there.
    """
    return _environment(file.parent).get_template(file.name).render(values)


@cache
def _environment(folder: Path) -> Environment:
    """Return the environment of a folder, which keeps what it has compiled until the file changes."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=False,  # noqa: S701 (Python is written, not HTML)
        keep_trailing_newline=True,
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
