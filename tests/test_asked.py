"""A process that benchmarks ask: it answers, and is gone with them however they end."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.asked import Asked
from tests.validators.test_processes import gone

ANSWERS = """
import json, os, sys, time
said, says = os.pipe()
if os.fork() == 0:
    os.setsid()
    os.write(says, b"up")
    time.sleep(600)
os.read(said, 2)
for line in sys.stdin:
    print(json.dumps({"asked": json.loads(line), "pid": os.getpid()}), flush=True)
"""
"""It leaves a process in a session of its own, as vLLM does; that one holds nothing open but its output."""
BENCH = """
import signal, sys, time
from pathlib import Path
from tests.bench.asked import Asked
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
with Asked([sys.executable, "-c", sys.argv[1]], Path(sys.argv[2])) as asked:
    print(asked.ask({"is": "it there"})["pid"], flush=True)
    print(*(member.pid for member in asked._tree.members()), flush=True)
    time.sleep(600)
"""


def test_it_answers_and_what_it_started_ends_with_it(tmp_path: Path) -> None:
    with Asked([sys.executable, "-c", ANSWERS], tmp_path / "said.log") as asked:
        answers = [asked.ask({"number": number}) for number in range(2)]
        members = [member.pid for member in asked._tree.members()]
    assert [answer["asked"] for answer in answers] == [{"number": 0}, {"number": 1}]
    assert len(members) == 2
    assert all(gone(pid) for pid in members)


def test_one_that_ends_is_an_error_that_names_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.stdin.readline()"]
    with pytest.raises(RuntimeError, match=r"said\.log"), Asked(command, tmp_path / "said.log") as asked:
        asked.ask({})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda number: number.name)
def test_a_benchmark_that_is_ended_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    bench = subprocess.Popen(
        [sys.executable, "-c", BENCH, ANSWERS, tmp_path / "said.log"], stdout=subprocess.PIPE, text=True
    )
    assert bench.stdout is not None
    with bench, bench.stdout as said:
        members = {int(said.readline()), *map(int, said.readline().split())}
        bench.send_signal(number)
    assert len(members) == 2
    assert all(gone(pid) for pid in members)
