"""NumPy starts no threads for matrices that are small, and servers have the environment as it was."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from scaffold.cli.one_core import VARIABLE, one_core
from tests.sampled import costly

THREADS = """
import os
from scaffold.cli.main import scaffold
try:
    scaffold.main(["new-model", "--help"], standalone_mode=False)
finally:
    import sys
    assert "numpy" in sys.modules
    print(len(os.listdir("/proc/self/task")), os.environ.get("OPENBLAS_NUM_THREADS"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
@costly
def test_numpy_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "1 None"


def test_what_the_user_says_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "2")
    with one_core():
        assert os.environ[VARIABLE] == "2"
    assert os.environ[VARIABLE] == "2"
