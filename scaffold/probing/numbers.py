"""From a number seen in a probe to the expression over config keys that it is.

A probe's sizes and factors all differ, so that a number names where it came from: ``12.0**-0.5`` can only be
``config.head_dim**-0.5`` where no other key is 12. What no expression gives is a literal only if it is a round
number, which no expression over a probe's odd values gives by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from scaffold.probing.probe import Probe
from scaffold.spec.facts import Value
from scaffold.vocabulary.lookup import spellings

PRECISION = 1e-8
FORMS: tuple[tuple[str, Callable[[float], float]], ...] = (
    ("{0}", lambda a: a),
    ("{0}**-0.5", lambda a: a**-0.5),
    ("{0}**0.5", lambda a: a**0.5),
    ("1 / {0}", lambda a: 1 / a),
)
"""Expressions of one key, in order of preference."""
SIZE_FORMS = (("{0}", lambda a: a), ("2 * {0}", lambda a: 2 * a), ("{0} // 2", lambda a: a // 2))
SIZE_PAIRS = (("{0} * {1}", lambda a, b: a * b), ("{0} // {1}", lambda a, b: a // b if b else 0.0))
"""Those that give sizes."""
PAIRS: tuple[tuple[str, Callable[[float, float], float]], ...] = (
    ("{0} / {1}**0.5", lambda a, b: a / b**0.5),
    ("{0} * {1}", lambda a, b: a * b),
    ("{0} / {1}", lambda a, b: a / b),
    ("({0} + {1}) ** -0.5", lambda a, b: (a + b) ** -0.5),
    ("({0} / {1}) ** 0.5", lambda a, b: (a / b) ** 0.5),
    ("({0} // {1}) ** -0.5", lambda a, b: float(a // b) ** -0.5 if b else 0.0),
    ("{0} // {1}", lambda a, b: float(a // b)),
)
"""Expressions of two keys."""


@dataclass(frozen=True)
class _Key:
    code: str
    seen: float
    real: float
    plain: str | None


def explain(probe: Probe, seen: float, *, is_size: bool = False) -> Value | None:
    """Return the value of the checkpoint that a probe's number stands for, or None if nothing gives it.

    Args:
        probe: the probe.
        seen: the number.
        is_size: the number counts something, and is no literal.
    """
    layers = spellings("num_layers")
    keys = [key for key in _keys(probe) if not (is_size and key.plain in layers)]
    own = [key for key in keys if key.plain is not None]
    keys = [*own, *(key for key in keys if key.plain is None)]  # those of objects in the config last
    if abs(seen - 1) < PRECISION:
        return Value(1.0)
    for text, form in SIZE_FORMS if is_size else FORMS:
        for key in keys:
            if _equal(form, (key.seen,), seen):
                plain = key.plain if text == "{0}" else None
                return Value(form(key.real), plain, "" if plain else text.format(key.code))
    literal = Value(round(seen, 4)) if not is_size and abs(round(seen, 4) - seen) < 1e-12 else None
    if literal is not None and probe.literals_first:
        return literal
    for some in (own, keys):
        for pair_text, pair in SIZE_PAIRS if is_size else PAIRS:
            for first, second in permutations(some, 2):
                if _equal(pair, (first.seen, second.seen), seen):
                    return Value(pair(first.real, second.real), None, pair_text.format(first.code, second.code))
    return literal


def _equal(form: Callable[..., float], arguments: tuple[float, ...], seen: float) -> bool:
    try:
        value = form(*arguments)
    except (ZeroDivisionError, OverflowError, ValueError):
        return False
    return isinstance(value, (int, float)) and abs(value - seen) <= PRECISION * max(abs(seen), 1e-30)


def _keys(probe: Probe) -> Iterator[_Key]:
    small, real = probe.small.attributes, probe.completed
    for name in real:
        yield from _numbers(name, f"config.{name}", small.get(name), real.get(name), name)


def _numbers(name: str, code: str, small: Any, real: Any, plain: str | None) -> Iterator[_Key]:
    if isinstance(small, Mapping) and isinstance(real, Mapping):
        for key, value in small.items():
            if isinstance(key, str):
                yield from _numbers(key, f'{code}["{key}"]', value, real.get(key), None)
        return
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (small, real))
    if numbers and small not in (0, 1) and name.isidentifier() and not name.endswith("_token_id"):
        yield _Key(code, float(small), float(real), plain)
