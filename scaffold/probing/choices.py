"""Which layers are of one kind: a condition over the config that an adapter can state.

Candidates are tried on all layers of the checkpoint, so that a condition that is found is true for each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scaffold.expressions.evaluate import evaluate
from scaffold.expressions.tree import LAYER, Compare, Expression, Item, Key, Literal, Not, is_name
from scaffold.expressions.uses import words


def condition(config: Mapping[str, Any], flags: Sequence[bool], hints: Sequence[str]) -> Expression:
    """Return what is true for exactly the flagged layers.

    Args:
        config: the checkpoint's, with its class's defaults.
        flags: one per layer.
        hints: parts of words (keys, kinds of layers) that are likely to say it, most likely first.
    """
    for candidate in sorted(_conditions(config, len(flags)), key=lambda c: _rank(c, hints)):
        if all(bool(evaluate(candidate, config, i)) is flag for i, flag in enumerate(flags)):
            return candidate
    return _by_number(flags)


def _rank(candidate: Expression, hints: Sequence[str]) -> int:
    said = words(candidate)
    return next((i for i, hint in enumerate(hints) if any(hint in word for word in said)), len(hints))


def _conditions(config: Mapping[str, Any], count: int) -> Iterator[Expression]:
    numbers = {}
    for name, value in config.items():
        if not is_name(name):
            continue
        key = Key((name,))
        if isinstance(value, (list, tuple)) and len(value) == count:
            yield from _of_list(Item(key, LAYER), list(value))
        if isinstance(value, (list, tuple)) and all(isinstance(v, int) for v in value):
            yield Compare("in", LAYER, key)
            yield Compare("not in", LAYER, key)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= count:
            numbers[key] = int(value)
    for key, number in numbers.items():
        if number < count:
            yield Compare(">=", LAYER, key)
            yield Compare("<", LAYER, key)
        if number > 1:
            for remainder in ((LAYER + 1) % key, LAYER % key):
                yield Compare("==", remainder, Literal(0))
                yield Compare("!=", remainder, Literal(0))


def _of_list(item: Expression, values: list[Any]) -> Iterator[Expression]:
    if all(isinstance(v, int) for v in values):
        yield item
        yield Not(item)
    kinds = [w for w in dict.fromkeys(str(v) for v in values if isinstance(v, str)) if w.isidentifier()]
    for operator in ("==", "!="):
        for kind in kinds:
            yield Compare(operator, item, Literal(kind))


def _by_number(flags: Sequence[bool]) -> Expression:
    """Return the layers by number; the config does not tell them."""
    first = flags.index(True)
    if all(flags[first:]):
        return Compare(">=", LAYER, Literal(first))
    last = len(flags) - 1 - list(reversed(flags)).index(True)
    if first == 0 and all(flags[: last + 1]):
        return Compare("<=", LAYER, Literal(last))
    return Compare("in", LAYER, Literal(tuple(i for i, flag in enumerate(flags) if flag)))
