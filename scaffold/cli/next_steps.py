"""What to call next: commands of this tool with the options that were given to this one, as a shell takes them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click
from click.core import ParameterSource

OF_ONE_CALL = ("as_json", "quiet", "verbose", "dry_run", "with_diff")
REMEMBERED = ("vllm", "vllm_ascend", "delivery", "stage", "adapter")
"""Options that a plan remembers. What settings files say holds for each call anyway."""


@dataclass(frozen=True)
class Step:
    """A command, and what it is for."""

    words: tuple[str, ...]
    why: str

    @property
    def line(self) -> str:
        """Return it as a shell takes it."""
        return shlex.join(self.words)


def step(name: str, operands: tuple[str, ...], why: str, *more: str) -> Step:
    """Return a call of another command, with those options of the present call that it takes, too.

    Args:
        name: of the command; that of the present call is the same call again.
        operands: such as the checkpoint.
        why: what it is for, in a few words.
        more: words that are added.
    """
    context = click.get_current_context()
    group = context.find_root().command
    command = group.get_command(context, name) if isinstance(group, click.Group) else None
    left_out = OF_ONE_CALL if name == context.info_name else OF_ONE_CALL + REMEMBERED
    options = [
        word
        for parameter in (command.params if command is not None else ())
        if isinstance(parameter, click.Option) and parameter.name not in left_out
        for word in _again(context, parameter)
    ]
    return Step(("scaffold", name, *operands, *more, *options), why)


def _again(context: click.Context, option: click.Option) -> Iterator[str]:
    """Yield an option of another command as it was given to the present one; paths stay relative."""
    name = option.name or ""
    if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
        return
    value: Any = context.params.get(name)
    word = max(option.opts, key=len)
    if option.is_flag:
        if value:
            yield word
        return
    for one in value if isinstance(value, (tuple, list)) and option.multiple else (value,):
        yield word
        yield from map(str, one if isinstance(one, tuple) else (one,))
