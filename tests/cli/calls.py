"""Commands that texts name, held against the command line's own parsers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

import click

from scaffold.cli.main import scaffold

FENCE = re.compile(r"^ *```(?:console|bash|sh)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def commands_of(text: str) -> Iterator[list[str]]:
    """Yield the words of each call of this tool in the blocks of a page that are for a shell."""
    for block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.strip().removeprefix("$ "), comments=True)
            if words[:1] == ["scaffold"]:
                yield words


def check_call(words: Sequence[str]) -> None:
    """Let the command line parse a call, without running it; a file need not be there.

    Raises:
        click.UsageError: the command line would refuse it.
    """
    group: click.Command = scaffold
    context = click.Context(scaffold, info_name="scaffold")
    rest = list(words[1:])
    while isinstance(group, click.Group):
        name = rest.pop(0) if rest else ""
        if name in ("--help", "--version"):
            return
        found = group.get_command(context, name)
        if found is None:
            raise click.UsageError(f"no such command {name!r} in {shlex.join(words)}")
        group, context = found, click.Context(found, parent=context, info_name=name)
    try:
        group.make_context(words[1], rest, parent=context.parent)
    except click.BadParameter as error:
        if "does not exist" not in error.format_message():
            raise
