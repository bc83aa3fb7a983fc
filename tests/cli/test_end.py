"""A command that has told all ends at once."""

from __future__ import annotations

import subprocess
import sys

AT_THE_END = """
import atexit, gc
atexit.register(lambda: print(gc.get_freeze_count() > 0, flush=True))
from scaffold.cli.main import main
main()
"""


def test_garbage_is_not_looked_for_when_the_process_ends() -> None:
    """Python does so several times: a plan's syntax trees, which stay to its end, are gone with the process."""
    command = [sys.executable, "-c", AT_THE_END, "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1] == "True"
