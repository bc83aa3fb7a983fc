"""Imports vLLM once and forks for each step of a twin. Run by the *target's* Python, never imported.

Each line of standard input is a JSON object: ``script`` (``make_twin`` or ``serve_twin``), ``folder`` (from where it
runs), the files ``asked`` (its standard input), ``output`` and ``errors``, ``ended`` (a file that appears when it has
ended, with its return code, or ``null`` at its limit) and ``seconds``, the limit.
"""

import contextlib
import gc
import io
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.pop(0)  # this folder: none of its names may stand before a package's
sys.path.append(str(Path(__file__).parent))
import make_twin
import serve_twin
from vllm.model_executor.models import registry

SCRIPTS: dict[str, ModuleType] = {"make_twin": make_twin, "serve_twin": serve_twin}
STEP_SECONDS = 0.05


def step(asked: dict[str, Any]) -> None:
    """Be the script: in a session and a folder of its own, its three streams files."""
    os.setsid()
    os.chdir(asked["folder"])
    for number, name in ((1, "output"), (2, "errors")):
        with Path(asked[name]).open("ab") as file:
            os.dup2(file.fileno(), number)
    sys.stdin = io.StringIO(Path(asked["asked"]).read_text())
    # Importing a model in a process of its own protects a server; here the fork does, and it takes no import of vLLM.
    registry._run_in_subprocess = lambda function: function()
    SCRIPTS[asked["script"]].main()


def done(asked: dict[str, Any]) -> int:
    """Be the script to its end, and return the process's code."""
    try:
        step(asked)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def forked(asked: dict[str, Any]) -> int | None:
    """Run a step in a fork, and return its code; None where it had to be ended at its limit."""
    deadline = time.monotonic() + asked["seconds"]
    child = os.fork()
    if child == 0:
        os._exit(done(asked))
    code = waited(child, deadline)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it has started and left behind, and itself at its limit
    if code is None:
        os.waitpid(child, 0)
    return code


def waited(child: int, deadline: float) -> int | None:
    """Return how a child ended, or None at the deadline."""
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(STEP_SECONDS)
    return None


def main() -> None:
    """Run the steps that come on standard input, one after the other."""
    gc.collect()
    gc.freeze()  # vLLM collects garbage some eight times, and need not look through all that was imported
    for line in sys.stdin:
        asked = json.loads(line)
        code = forked(asked)
        told = Path(asked["ended"])
        being_told = told.with_suffix(".part")
        being_told.write_text(json.dumps(code))
        being_told.rename(told)


if __name__ == "__main__":
    main()
