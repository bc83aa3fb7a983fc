"""The command line called in this process, with its two outputs kept apart as click 8.1 and later releases do it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from click.testing import CliRunner, Result

from scaffold.cli.main import scaffold

APART = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}


def invoke(words: Sequence[str], given: str | None = None) -> Result:
    """Run a command, with a text as its standard input; an exception that is none of click's is in the result."""
    return CliRunner(**APART).invoke(scaffold, words, input=given)
