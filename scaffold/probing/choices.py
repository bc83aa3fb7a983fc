"""Which layers are of one kind: a condition over the config that an adapter can state.

Candidates are tried on all layers of the checkpoint, so that a condition that is found is true for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Condition = tuple[str, Callable[[int], bool]]
MODULO: tuple[tuple[str, Callable[[int, int], bool]], ...] = (
    ("(layer_idx + 1) % config.{0} == 0", lambda i, k: (i + 1) % k == 0),
    ("(layer_idx + 1) % config.{0} != 0", lambda i, k: (i + 1) % k != 0),
    ("layer_idx % config.{0} == 0", lambda i, k: i % k == 0),
    ("layer_idx % config.{0} != 0", lambda i, k: i % k != 0),
)


def condition(config: Mapping[str, Any], flags: Sequence[bool], hints: Sequence[str]) -> str:
    """Return Python over ``config`` and ``layer_idx`` that is true for exactly the flagged layers.

    Args:
        config: the checkpoint's, with its class's defaults.
        flags: one per layer.
        hints: parts of keys that are likely to say it, most likely first.
    """
    for text, holds in sorted(_conditions(config, len(flags)), key=lambda c: _rank(c[0], hints)):
        if all(holds(i) is flag for i, flag in enumerate(flags)):
            return text
    return _literal(flags)


def _rank(text: str, hints: Sequence[str]) -> int:
    return next((i for i, hint in enumerate(hints) if hint in text), len(hints))


def _conditions(config: Mapping[str, Any], count: int) -> Iterator[Condition]:
    numbers = {}
    for key, value in config.items():
        if not key.isidentifier():
            continue
        if isinstance(value, (list, tuple)) and len(value) == count:
            yield from _of_list(key, list(value))
        if isinstance(value, (list, tuple)) and all(type(v) is int or isinstance(v, int) for v in value):
            members = set(map(int, value))
            yield f"layer_idx in config.{key}", lambda i, m=members: i in m  # type: ignore[misc]
            yield f"layer_idx not in config.{key}", lambda i, m=members: i not in m  # type: ignore[misc]
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= count:
            numbers[key] = int(value)
    for key, value in numbers.items():
        if 0 < value < count:
            yield f"layer_idx >= config.{key}", lambda i, k=value: i >= k  # type: ignore[misc]
            yield f"layer_idx < config.{key}", lambda i, k=value: i < k  # type: ignore[misc]
        if value > 1:
            for text, holds in MODULO:
                yield text.format(key), lambda i, k=value, h=holds: h(i, k)  # type: ignore[misc]


def _of_list(key: str, values: list[Any]) -> Iterator[Condition]:
    if all(isinstance(v, (bool, int)) for v in values):
        yield f"config.{key}[layer_idx]", lambda i: bool(values[i])
        yield f"not config.{key}[layer_idx]", lambda i: not values[i]
    words = [w for w in dict.fromkeys(str(v) for v in values if isinstance(v, str)) if w.isidentifier()]
    for one in words:
        yield f'config.{key}[layer_idx] == "{one}"', lambda i, one=one: values[i] == one  # type: ignore[misc]
    for one in words:
        yield f'config.{key}[layer_idx] != "{one}"', lambda i, one=one: values[i] != one  # type: ignore[misc]


def _literal(flags: Sequence[bool]) -> str:
    """Return the layers by number; the config does not tell them."""
    first = flags.index(True)
    if all(flags[first:]):
        return f"layer_idx >= {first}"
    last = len(flags) - 1 - list(reversed(flags)).index(True)
    if first == 0 and all(flags[: last + 1]):
        return f"layer_idx <= {last}"
    return f"layer_idx in {tuple(i for i, flag in enumerate(flags) if flag)!r}"
