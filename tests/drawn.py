"""How many examples of a property are drawn: the same few by the test command, new ones by `make bench-properties`."""

from __future__ import annotations

import os

import numpy  # noqa: F401 - Hypothesis seeds it too, if it is there
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers

NEW = int(os.environ.get("SCAFFOLD_EXAMPLES", "0"))
"""How many new examples to draw of each property, or 0 for those that are the same everywhere."""
USUAL = 100
"""What ``examples`` counts by: so many of a property for so many that `make bench-properties` is asked for."""
SAME = 25
"""How many the test command draws of a property that does not say it: the others are for `make bench-properties`."""


def load_profile() -> None:
    """Set how all properties draw. None has a deadline: a busy machine is no failure."""
    settings.register_profile(
        "same", max_examples=SAME, derandomize=True, database=None, deadline=None, print_blob=True
    )
    settings.register_profile(
        "new",
        max_examples=NEW or USUAL,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    settings.load_profile("new" if NEW else "same")
    if not NEW:
        _draw_nothing_of_imported_modules()


def _draw_nothing_of_imported_modules() -> None:
    """Leave out the constants that Hypothesis (from 6.131 on) finds in the source of what is imported so far.

    What is imported depends on the tests that ran before in a process, so that examples would not be the same; and each
    process would parse a thousand files.
    """
    if hasattr(providers, "_get_local_constants"):
        none = providers._local_constants
        providers._get_local_constants = lambda: none


def examples(count: int, *suppressed: HealthCheck) -> settings:
    """Draw this many rather than the usual; of new ones as many more or fewer."""
    drawn = max(1, NEW * count // USUAL) if NEW else count
    both = (*settings.default.suppress_health_check, *suppressed) if settings.default else suppressed
    return settings(max_examples=drawn, suppress_health_check=both)


@settings(max_examples=1, database=None, deadline=None)
@given(st.none())
def draw_nothing(_: None) -> None:
    """Have Hypothesis look for who holds its random while there are few objects: later it takes a second and a half."""
