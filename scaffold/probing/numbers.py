"""From a number seen in a probe to the expression over config keys that it is.

A probe's sizes and factors all differ, so that a number names where it came from: ``12.0**-0.5`` can only be
``config.head_dim**-0.5`` where no other key is 12. What no expression gives is a literal only if it is a round
number, which no expression over a probe's odd values gives by chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from scaffold.expressions.evaluate import of_single_layers
from scaffold.expressions.tree import Expression, Key, Log, is_name
from scaffold.probing.probe import Probe
from scaffold.source.transformers.config_object import Config
from scaffold.spec.values import Value
from scaffold.vocabulary.lookup import spellings

PRECISION = 1e-8
Form = Callable[..., Any]
"""Arithmetic that takes numbers and gives one, or takes expressions and gives one."""


def logarithm(value: Any) -> Any:
    """Return the natural logarithm of a number, or the expression of it."""
    return Log(value) if isinstance(value, Expression) else math.log(value)


FORMS: tuple[Form, ...] = (lambda a: a, lambda a: a**-0.5, lambda a: a**0.5, lambda a: 1 / a, logarithm)
"""Expressions of one key, in order of preference."""
SIZE_FORMS: tuple[Form, ...] = (lambda a: a, lambda a: 2 * a, lambda a: a // 2)
SIZE_PAIRS: tuple[Form, ...] = (lambda a, b: a * b, lambda a, b: a // b)
"""Those that give sizes."""
PAIRS: tuple[Form, ...] = (
    lambda a, b: a / b**0.5,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: (a + b) ** -0.5,
    lambda a, b: (a / b) ** 0.5,
    lambda a, b: (a // b) ** -0.5,
    lambda a, b: a // b,
)
"""Expressions of two keys."""
TRIPLES: tuple[Form, ...] = (
    lambda a, b, c: a * b * c,
    lambda a, b, c: a * b / c,
    lambda a, b, c: a / (b * c),
    lambda a, b, c: a**-0.5 * b * c,
    lambda a, b, c: a**-0.5 * b / c,
)
"""Expressions of three keys of the config itself, where nothing shorter gives the number."""


@dataclass(frozen=True)
class _Key:
    key: Key
    seen: float
    real: float

    @property
    def plain(self) -> str | None:
        """Return the key's name if it is one of the config itself, not of an object in it."""
        return self.key.path[0] if len(self.key.path) == 1 else None


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
    for form in SIZE_FORMS if is_size else FORMS:
        for key in keys:
            if _equal(form, (key,), seen):
                return _value(form, key)
    literal = None if is_size else _literal(probe, seen)
    if literal is not None and probe.literals_first:
        return literal
    for some in (own, keys):
        for pair in SIZE_PAIRS if is_size else PAIRS:
            for first, second in permutations(some, 2):
                if _equal(pair, (first, second), seen):
                    return _value(pair, first, second)
    return literal or (None if is_size else _of_three(own, seen))


def _literal(probe: Probe, seen: float) -> Value | None:
    """Return a round number as it stands, and keep in mind that there was one."""
    if abs(round(seen, 4) - seen) >= 1e-12:
        return None
    probe.round_numbers.add(seen)
    return Value(round(seen, 4))


def _of_three(keys: Sequence[_Key], seen: float) -> Value | None:
    """Return the expression of three keys that gives a number, None if none does."""
    for triple in TRIPLES:
        for some in permutations(keys, 3):
            if _equal(triple, some, seen):
                return _value(triple, *some)
    return None


def stated(probe: Probe, word: str) -> Iterator[tuple[float, Value]]:
    """Yield the numbers of keys with a word in their name: as the probe has them, and the checkpoint's."""
    for key in _keys(probe, word):
        yield key.seen, _value(FORMS[0], key)


def _value(form: Form, *keys: _Key) -> Value:
    number, tree = form(*(key.real for key in keys)), form(*(key.key for key in keys))
    plain = keys[0].plain if tree is keys[0].key else None
    return Value(number, plain) if plain else Value(number, None, tree)


def _equal(form: Form, keys: tuple[_Key, ...], seen: float) -> bool:
    """Return whether a form gives a number in the probe, and one for the checkpoint, whose keys may be 0."""
    try:
        value = form(*(key.seen for key in keys))
        if not isinstance(value, (int, float)) or abs(value - seen) > PRECISION * max(abs(seen), 1e-30):
            return False
        return isinstance(form(*(key.real for key in keys)), (int, float))
    except (ZeroDivisionError, OverflowError, ValueError):
        return False


def _keys(probe: Probe, word: str = "") -> Iterator[_Key]:
    """Yield the numbers of a config, of its objects too, whose names have a word in them."""
    small, real = probe.small.attributes, probe.completed
    apart = of_single_layers(small)
    for name, value in real.items():
        if _may_hold(value) and is_name(name) and name not in apart:
            yield from _numbers((name,), small.get(name), value, word)


def _numbers(path: tuple[str, ...], small: Any, real: Any, word: str, objects: int = 0) -> Iterator[_Key]:
    name = path[-1]
    is_config = isinstance(small, Config) and objects == len(path) - 1
    inside = small.attributes if is_config else small
    if isinstance(inside, Mapping) and isinstance(real, Mapping):
        for key, value in inside.items():
            if isinstance(key, str) and _may_hold(real.get(key)) and (is_name(key) or not is_config):
                yield from _numbers((*path, key), value, real.get(key), word, objects + is_config)
        return
    if word not in name or name.endswith("_token_id") or not name.isidentifier():
        return
    if _is_number(small) and _is_number(real) and small not in (0, 1):
        yield _Key(Key(path, objects), float(small), float(real))


def _may_hold(value: Any) -> bool:
    """Return whether a value is a number or an object with some: most of a config's are words, switches and lists."""
    return isinstance(value, (int, float, Mapping)) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
