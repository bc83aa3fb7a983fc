"""A tree of processes: all of it is found, and nothing of it is left."""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil
import pytest

from scaffold_validators.processes import ProcessTree, run

CHILD_SLEEPS = "import subprocess, sys; print(subprocess.Popen(['sleep', '60']).pid, flush=True)"
LEAVES = """
import os, subprocess, sys, time
said, says = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        os.write(says, b"said")
        time.sleep(60)
    os._exit(0)
os.wait()
os.read(said, 4)
"""
"""A grandchild in a session of its own, whose parent has gone: neither group nor session nor parent tells of it."""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_a_command_gets_its_text_and_says_how_it_ended() -> None:
    code = "import sys; text = sys.stdin.read(); print(text.upper()); print('odd', file=sys.stderr); sys.exit(3)"
    ended = run(python(code), cwd=Path("/"), text="hello", seconds=300)
    assert (ended.returncode, ended.output, ended.errors) == (3, "HELLO\n", "odd\n")


def test_a_command_that_reads_nothing_is_ended_at_its_limit_however_long_the_text() -> None:
    started = time.monotonic()
    for seconds in (1, 10, 100):  # on a busy machine a shell may need longer than a second to say something
        ended = run(["sh", "-c", "echo up; exec sleep 600"], cwd=Path("/"), text="x" * 10**6, seconds=seconds)
        assert ended.returncode is None
        if ended.output:
            break
    assert ended.output == "up\n"
    assert time.monotonic() - started < 500


@pytest.mark.parametrize("code", [CHILD_SLEEPS, LEAVES], ids=["a child", "a grandchild that left its session"])
def test_what_a_command_leaves_behind_is_ended_with_it(code: str) -> None:
    ended = run(python(code), cwd=Path("/"), seconds=300)
    assert ended.returncode == 0
    assert gone(int(ended.output))


def interrupted(output: IO[bytes]) -> ProcessTree:
    """Start a tree and be interrupted."""
    with suppress(KeyboardInterrupt), ProcessTree(["sleep", "60"], Path("/"), {}, output) as tree:
        assert [process.pid for process in tree.members()] == [tree.process.pid]
        raise KeyboardInterrupt
    return tree


def test_leaving_the_block_by_an_error_ends_the_tree() -> None:
    with tempfile.TemporaryFile() as output:
        tree = interrupted(output)
    assert tree.members() == []
    assert not tree.alive()


def test_the_cpu_time_of_all_members_is_counted() -> None:
    busy = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    with tempfile.TemporaryFile() as output, ProcessTree(python(busy), Path("/"), {}, output) as tree:
        deadline = time.monotonic() + 300
        while tree.cpu_seconds() < 0.5 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert tree.cpu_seconds() >= 0.5


def test_a_command_that_is_not_there_is_an_os_error() -> None:
    with pytest.raises(OSError, match="no-such-command"):
        run(["/no-such-command"], cwd=Path("/"))
