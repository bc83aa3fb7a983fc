"""Long texts go through a pager, as git has it; where stdout is no terminal they do not."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping

DEFAULTS = {"LESS": "FRX", "LV": "-c"}
"""What git sets for its pager where nobody has (git: pager.c): what fits on the screen is simply shown."""
NONE = ("", "cat")
ENDED_BY_INTERRUPT = (-signal.SIGINT, 128 + signal.SIGINT)


def pager(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the command that git would show a diff with; None where stdout is no terminal, or where it is to be plain.

    That is ``GIT_PAGER``, git's ``core.pager``, ``PAGER``, or git's own default.
    """
    if not sys.stdout.isatty():
        return None
    git = shutil.which("git", path=environment.get("PATH"))
    if git is not None:
        told = subprocess.run([git, "var", "GIT_PAGER"], env=dict(environment), capture_output=True, text=True)
        command = told.stdout.strip() if told.returncode == 0 else ""
    else:
        command = environment.get("GIT_PAGER", environment.get("PAGER", "less"))
    return None if command in NONE else command


def page(text: str, command: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Show a text through a pager, and wait until it is left.

    Returns:
        Whether there was such a command.

    Raises:
        KeyboardInterrupt: Ctrl-C ended the pager, which is not one that takes it as a key.
    """
    before = signal.signal(signal.SIGINT, _ignored)  # Ctrl-C is the pager's own; a child does not inherit a handler
    try:
        shell = ("/bin/sh", "-c", command)  # a command line of the person's own, as for git
        process = subprocess.Popen(shell, stdin=subprocess.PIPE, env={**DEFAULTS, **environment})
        process.communicate(text.encode("utf-8", "replace"))  # one that was left early is no error
    finally:
        signal.signal(signal.SIGINT, before)
    if process.returncode in ENDED_BY_INTERRUPT:
        raise KeyboardInterrupt
    return process.returncode not in (126, 127)


def _ignored(number: int, frame: object) -> None:
    """Do nothing."""
