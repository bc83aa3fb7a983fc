"""One file of Jinja, filled from values."""

from __future__ import annotations

from pathlib import Path


def fill(file: Path, **values: object) -> str:
    """Return the text of a template with these values. They are data: none of them is evaluated as a template.

    Raises:
        jinja2.UndefinedError: the template names a value that is not there.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(file.parent),
        autoescape=False,  # noqa: S701 (Python is written, not HTML)
        keep_trailing_newline=True,
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template(file.name).render(values)
