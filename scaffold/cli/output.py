"""What a command says: one JSON document on stdout, or tables; progress and errors on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from typing import Any, ParamSpec

import click

from scaffold.checkpoint.text import printable
from scaffold_validators.outcome import Outcome

SCHEMA = 1
P = ParamSpec("P")


class Output:
    """Where a command's words go. With ``--json`` stdout holds the document and nothing else."""

    def __init__(self, as_json: bool, quiet: bool, verbose: bool) -> None:
        self.as_json, self.quiet, self.verbose = as_json, quiet, verbose
        self.one_line = False
        """Whether an error is one line, as for tools that show many."""
        self._started = time.monotonic()
        self._document: dict[str, Any] = {}

    def progress(self, text: str) -> None:
        """Say what is being done, and when since the start."""
        if not self.quiet:
            click.echo(self.stamped(text), err=True)

    def stamped(self, text: str) -> str:
        """Return a text with the time since the start."""
        return f"[{time.monotonic() - self._started:6.1f} s] {text}"

    def line(self, text: str = "") -> None:
        """Say a result."""
        if not self.quiet:
            click.echo(text, err=self.as_json)

    def failure(self, text: str) -> None:
        """Say what is wrong, with ``--quiet`` too."""
        click.echo(text, err=self.as_json or self.quiet)

    def diff(self, text: str) -> None:
        """Show a diff, in colours on a terminal."""
        for line in self.coloured(text):
            self.line(line)

    def coloured(self, diff: str) -> list[str]:
        """Return the lines of a diff in colours; `line` leaves them out where there is no terminal."""
        colours = {"+": "green", "-": "red", "@": "cyan"}
        return [click.style(line, fg=colours.get(line[:1])) for line in diff.splitlines()]

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Show a table."""
        if self.quiet:
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        console = Console(file=sys.stderr if self.as_json else sys.stdout)
        if not console.is_terminal:
            console.width = 150
        heading = Text(printable(title), style="bold")
        table = Table(title=heading, title_justify="left", header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(printable(cell), style=STYLES.get(cell, "")) for cell in row))
        console.print(table)

    def document(self, values: Mapping[str, Any]) -> None:
        """Add to the JSON document, which is written when the command ends."""
        self._document |= values

    def finish(self) -> None:
        """Write the JSON document if it was asked for."""
        if self.as_json:
            text = json.dumps({"schema": SCHEMA, **self._document}, indent=2, ensure_ascii=False)
            # A file name that is no UTF-8 has half a surrogate pair in Python, and an escape of it in JSON
            click.echo(text.encode("utf-8", "backslashreplace").decode())

    def interrupted(self, lines: Sequence[str]) -> None:
        """Say what an interrupted command had done, and write the JSON document as far as it goes."""
        self.document({"interrupted": list(lines)})
        with suppress(OSError):  # the terminal may have gone
            for line in lines:
                click.echo(printable(line), err=True)
            self.finish()

    def error(self, error: Exception) -> None:
        """Say what was found, where, what was expected and what to do."""
        parts = {name: str(getattr(error, name)) for name in ("found", "where", "expected", "remedy")}
        self.document({"error": {"kind": getattr(error, "kind", type(error).__name__), **parts}})
        if self.one_line:
            text = printable(f"{parts['where']}: {parts['found']}; expected {parts['expected']}; {parts['remedy']}")
            click.echo(f"{click.style('error', fg='red', bold=True)}: {' '.join(text.split())}", err=True)
            return
        lines = [printable(line) for line in getattr(error, "lines", ())]
        if lines:
            head = f"{click.style('error', fg='red', bold=True)}: {printable(parts['where'])}: {lines[0]}"
            click.echo("\n  ".join([head, *lines[1:]]), err=True)
            return
        click.echo(
            f"{click.style('error', fg='red', bold=True)}: {printable(parts['where'])}: {printable(parts['found'])}\n"
            f"  expected: {printable(parts['expected'])}\n"
            f"  remedy:   {printable(parts['remedy'])}",
            err=True,
        )


STYLES = {outcome.value: "bold green" if outcome is Outcome.PASSED else "bold red" for outcome in Outcome}


def reporting(command: Callable[..., int | None]) -> Callable[..., None]:
    """Give a command its `Output` as first argument, and end it with the right exit code."""

    @click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, all else on stderr.")
    @click.option("-q", "--quiet", is_flag=True, help="Show errors only.")
    @click.option("-v", "--verbose", is_flag=True, help="Show more of the evidence.")
    @wraps(command)
    def run(*args: Any, as_json: bool, quiet: bool, verbose: bool, **options: Any) -> None:
        from codemods import Refusal
        from scaffold.cli.interrupted import before
        from scaffold.common.errors import ScaffoldError
        from scaffold_validators.problem import Problem

        output, journal = Output(as_json, quiet, verbose), before(options)
        try:
            code = command(output, *args, **options) or 0
        except KeyboardInterrupt:
            output.interrupted(journal.lines() if journal is not None else [])
            raise
        except (ScaffoldError, Refusal, Problem) as error:
            output.error(error)
            code = error.exit_code
        output.finish()
        click.get_current_context().exit(code)

    return run
