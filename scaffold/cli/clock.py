"""A clock beside what takes long, where stderr is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from scaffold.cli.output import Output


@contextmanager
def clock(output: Output, what: str) -> Iterator[None]:
    """Say what is being done, and on a terminal for how long it has been, until the block is left."""
    output.progress(what)
    if output.quiet or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(file=sys.stderr), transient=True, redirect_stdout=False) as progress:
        progress.add_task(what, total=None)
        yield
