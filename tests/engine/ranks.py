"""A process for each rank, forked from one that has imported vLLM: the import takes most of what such a test takes.

Run by the engine's Python, as a part of the scripts beside it.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable

from vllm.model_executor.models import registry

registry._run_in_subprocess = lambda function: function()
"""Importing a model in a process of its own protects a server; here the fork does."""


def forked(ranks: int, run: Callable[[int], None]) -> bool:
    """Run ``run(rank)`` for each rank; return whether all came to their ends. Where one fails the others are ended."""
    open_ = {_started(run, rank) for rank in range(ranks)}
    good = True
    while open_:
        process, status = os.wait()
        open_.discard(process)
        if status and good:
            good = False
            for other in open_:
                os.kill(other, signal.SIGKILL)
    return good


def _started(run: Callable[[int], None], rank: int) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        run(rank)
        code = 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
