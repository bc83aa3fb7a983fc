"""NumPy on one core: matrices of probes are small, and threads that wait for work cost as much as those that have some.

OpenBLAS, which NumPy's wheels bring along, starts a thread for each core and reads how many it may have once, when it
is loaded: https://github.com/OpenMathLib/OpenBLAS#setting-the-number-of-threads-using-environment-variables
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "OPENBLAS_NUM_THREADS"


@contextmanager
def one_core() -> Iterator[None]:
    """Let NumPy have one thread if it is imported meanwhile, unless the user said how many.

    Servers that are started later have the environment as it was.
    """
    if VARIABLE in os.environ:
        yield
        return
    os.environ[VARIABLE] = "1"
    try:
        yield
    finally:
        del os.environ[VARIABLE]
