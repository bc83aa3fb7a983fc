"""What is shown of a plan's files."""

from __future__ import annotations

from scaffold.cli.planned import line_counts
from tests.rows import each


@each(
    ("before", "after", "shown"),
    [
        (None, b"a\nb\n", "+2"),
        (b"a\nb\n", None, "-2"),
        (b"a\nb\nc\n", b"a\nx\ny\nc\n", "+2 -1"),
        (b"-- a\n++ b\n", b"++ b\n", "-1"),
        (b"a\n", b"a\n", "0"),
    ],
)
def test_lines_are_counted_as_a_diff_counts_them(before: bytes | None, after: bytes | None, shown: str) -> None:
    assert line_counts(before, after) == shown
