"""Tables of quick rows as one test: pytest takes two to three milliseconds a test, more than such a row does."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Test = Callable[..., None]


def each(
    names: str | Sequence[str], rows: Iterable[Any], ids: Callable[[Any], str] | Sequence[str] | None = None
) -> Callable[[Test], Test]:
    """Run a test for each row, all of them, and name those that fail, each with its assertion.

    It takes what ``pytest.mark.parametrize`` takes, so that one may stand in place of the other. It is for rows that
    start, write and change nothing: fixtures are shared by all rows of a test.

    Args:
        names: the test's arguments that a row gives, separated by commas or one by one.
        rows: a value each, or a tuple where there are several names; ``pytest.param`` gives a row an id.
        ids: what rows are called, or what makes it of a value; without it rows are called by what they hold.

    Raises:
        ValueError: there are no rows.
        AssertionError: some rows failed: their ids and assertions, from what the first of them raised.
    """
    given = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    table = [_row(row, len(given), ids) for row in rows]
    if ids is not None and not callable(ids):
        table = [(name, values) for name, (_, values) in zip(ids, table, strict=True)]
    if not table:
        raise ValueError(f"a table of {', '.join(given)} without rows tests nothing")

    def over(test: Test) -> Test:
        def all_rows(**fixtures: Any) -> None:
            __tracebackhide__ = True
            failed: list[tuple[str, Exception]] = []
            for name, values in table:
                try:
                    test(**dict(zip(given, values, strict=True)), **fixtures)
                except Exception as error:
                    failed.append((name, error))
            if failed:
                told = "\n".join(f"  [{name}] {type(error).__name__}: {error}" for name, error in failed)
                raise AssertionError(f"{len(failed)} of {len(table)} rows failed:\n{told}") from failed[0][1]

        own = [value for name, value in inspect.signature(test).parameters.items() if name not in given]
        all_rows.__dict__.update(test.__dict__)
        for name in ("__name__", "__qualname__", "__module__", "__doc__"):
            setattr(all_rows, name, getattr(test, name))
        all_rows.__signature__ = inspect.Signature(own)  # type: ignore[attr-defined]
        return all_rows

    return over


def _row(row: Any, count: int, ids: object) -> tuple[str, tuple[Any, ...]]:
    """Return what a row is called, and its values."""
    given = type(row).__name__ == "ParameterSet"
    values = tuple(row.values) if given else (tuple(row) if count > 1 else (row,))
    told = (given and row.id) or "-".join(str(ids(value) if callable(ids) else value) for value in values)
    return str(told), values
