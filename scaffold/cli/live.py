"""What is seen while gates run: on a terminal the stage, a clock, the log's last line and its bars; else lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scaffold.checkpoint.text import printable
from scaffold.cli.output import Output
from scaffold_validators.watching.progress import Bar, bar, meaningful

if TYPE_CHECKING:
    from rich.console import RenderableType

HEARTBEAT_SECONDS = 60.0
"""Where there is no terminal, a server that says something says it this often."""
TICKS = 4
WIDTH = 40


@dataclass
class View:
    """What is known of the running gate.

    Attributes:
        say: writes a line that stays.
        stage: what was reported last.
        since: when that was.
        last: the log's last line that says something.
        bars: those of the log that are not full, by what they are of.
    """

    say: Callable[[str], None]
    stage: str = ""
    since: float = field(default_factory=time.monotonic)
    last: str = ""
    bars: dict[str, Bar] = field(default_factory=dict)

    def report(self, text: str) -> None:
        """Take in what a gate reports."""
        self.stage, self.since = text, time.monotonic()
        self.say(text)

    def hear(self, line: str) -> None:
        """Take in a line of the server's log."""
        shown = bar(line)
        if shown is not None:
            self.bars.pop(shown.what, None)
            if shown.done < shown.total:
                self.bars[shown.what] = shown
        self.last = meaningful(line) or self.last

    def __rich__(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        clock = f"{time.monotonic() - self.since:5.0f} s"
        rows = [Text(f"{clock}  {printable(self.stage)}", style="bold", no_wrap=True, overflow="ellipsis")]
        bars = [f"         {drawn(one)}" for one in list(self.bars.values())[-2:]]
        rows += [Text(shown, no_wrap=True, overflow="ellipsis") for shown in bars]
        if self.last:
            rows.append(Text(f"         {printable(self.last)}", style="dim", no_wrap=True, overflow="ellipsis"))
        return Group(*rows)


def drawn(one: Bar) -> str:
    """Return a bar of the log as text."""
    full = WIDTH * one.done // max(1, one.total)
    return f"{'━' * full}{'╌' * (WIDTH - full)} {one.done}/{one.total} {printable(one.what)[-50:]}"


@contextmanager
def live(output: Output) -> Iterator[View]:
    """Show what gates do until the block is left; with ``--quiet`` nothing."""
    if output.quiet or not sys.stderr.isatty():
        yield _Lines(output.progress)
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=sys.stderr)
    view = View(lambda text: console.print(Text(printable(output.stamped(text)))))  # above what is drawn anew
    with Live(view, console=console, refresh_per_second=TICKS, transient=True, redirect_stdout=False):
        yield view


@dataclass
class _Lines(View):
    """Where there is no terminal: what is reported, and from time to time the log's last line."""

    _said: float = field(default_factory=time.monotonic)

    def report(self, text: str) -> None:
        super().report(text)
        self._said = time.monotonic()

    def hear(self, line: str) -> None:
        super().hear(line)
        if self.last and time.monotonic() - self._said >= HEARTBEAT_SECONDS:
            self._said = time.monotonic()
            self.say(f"the log: {printable(self.last)[:160]}")
