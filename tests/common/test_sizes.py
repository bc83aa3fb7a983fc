"""Numbers of bytes as a person reads them."""

from __future__ import annotations

from scaffold.common.sizes import size_text
from tests.rows import each


@each(
    ("count", "shown"),
    [
        (689 * 2**30, "689.0 GiB"),
        (300 * 2**20, "0.3 GiB"),
        (2**20, "1.0 MiB"),
        (4 * 2**10, "4.0 KiB"),
        (7, "7 B"),
        (0, "0 B"),
    ],
)
def test_what_is_there_is_never_shown_as_nothing(count: int, shown: str) -> None:
    assert size_text(count) == shown
