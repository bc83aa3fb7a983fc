"""``scaffold fleet``: the gates of a list of planned models, here, in containers, or on a Ray cluster."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from scaffold.cli.on import HERE
from scaffold.cli.output import Output, reporting
from scaffold.cli.roots import Settings, work_option
from scaffold.running.fleet.on_ray import AUTO, OnRay
from scaffold.running.fleet.rows import Row, read_rows
from scaffold.running.fleet.run import TRIES, Here, Place, run_fleet
from scaffold.running.fleet.table import COLUMNS, PASSED, cells, document, markdown

RAY = "ray"


@click.command("fleet")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--on",
    metavar="PLACE",
    help="ray or ray:ADDRESS for a Ray cluster, or an image for docker run (default: here, one after the other).",
)
@click.option(
    "--tries", type=click.IntRange(min=1), default=TRIES, help=f"How often a row may be started (default: {TRIES})."
)
@click.option(
    "--output", "table", type=click.Path(path_type=Path), help="Where the table goes (default: FILE with .results.md)."
)
@work_option
@reporting
def command(output: Output, file: Path, on: str | None, tries: int, table: Path | None, **given: Any) -> int:
    """Run the gates of each model that FILE lists, keep their evidence, and write one table."""
    work = Settings(given).workspace().work
    rows = read_rows(file)
    where = on or HERE
    path = table or file.with_suffix(".results.md")
    lines: list[tuple[str, ...]] = []
    documents: list[dict[str, Any]] = []
    passed = True
    with _place(where) as place:
        for row, ran in run_fleet([_on(row, where) for row in rows], work, place, output.progress, tries):
            passed = passed and ran.code == PASSED
            lines.append(cells(row, ran))
            documents.append(document(row, ran))
            output.progress(" ".join(text for text in lines[-1][:3] if text))
            path.write_text(markdown(sorted(lines)), encoding="utf-8")
    output.table("Fleet", COLUMNS, sorted(lines))
    output.line(f"the table: {path}")
    output.document({"fleet": sorted(documents, key=lambda one: str(one["model"])), "table": str(path)})
    return 0 if passed else 1


@contextmanager
def _place(where: str) -> Iterator[Place]:
    """Yield the place that is named.

    Raises:
        EnvironmentLacks: there is no such cluster.
    """
    address = _cluster(where)
    if address is None:
        yield Here()
        return
    with redirect_stdout(sys.stderr):  # Ray prints what happens to its nodes, and stdout is for the document
        cluster = OnRay(address)
        try:
            yield cluster
        finally:
            cluster.close()


def _cluster(where: str) -> str | None:
    """Return the address of the Ray cluster that is named; None if it is another place."""
    name, _, address = where.partition(":")
    return (address or AUTO) if name == RAY else None


def _on(row: Row, where: str) -> Row:
    """Return a row that is run in a container, where the place is an image."""
    is_image = where != HERE and _cluster(where) is None
    return replace(row, options=(*row.options, "--on", where)) if is_image else row
