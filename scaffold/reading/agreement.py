"""Two specs of one decoder, read in probes of different sizes, brought to what both of them say.

In one probe a number may equal another expression of the config by chance, which comes first there. What explains
the number in both probes is what it stands for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from scaffold.expressions.evaluate import evaluate
from scaffold.expressions.tree import Expression, Literal
from scaffold.expressions.uses import needs_layer
from scaffold.spec.values import Value

Config = Mapping[str, Any]


def agreed(first: Any, second: Any, configs: tuple[Config, Config]) -> Any:
    """Return the spec that both say, or None where they say different things.

    Args:
        first: read in the first probe.
        second: read in the second.
        configs: of the two probes.
    """
    if first == second:
        return first
    if isinstance(first, Value) and isinstance(second, Value):
        return _value(first, second, configs)
    if isinstance(first, tuple) and isinstance(second, tuple) and len(first) == len(second):
        found = [agreed(one, other, configs) for one, other in zip(first, second)]
        lost = any(one is None and (a is not None or b is not None) for one, a, b in zip(found, first, second))
        return None if lost else tuple(found)
    if not is_dataclass(first) or type(first) is not type(second) or isinstance(first, (type, Expression)):
        return None
    changed = {}
    for field in fields(first):
        one, other = getattr(first, field.name), getattr(second, field.name)
        if field.compare and one != other:
            changed[field.name] = agreed(one, other, configs)
            if changed[field.name] is None:
                return None
    return replace(first, **changed)


def _value(first: Value, second: Value, configs: tuple[Config, Config]) -> Value | None:
    """Return the value whose expression gives in both probes what was seen in each; a literal is none."""
    if _stands(first) or _stands(second):
        return None
    fits = [
        one
        for one, other, config in ((second, first, configs[0]), (first, second, configs[1]))
        if _of(one, config) is not None and _of(one, config) == _of(other, config)
    ]
    return fits[0] if len(fits) == 1 else None


def _stands(value: Value) -> bool:
    """Return whether no other value is agreed on in its place: a literal, or what a layer's number goes into."""
    return isinstance(value.tree, Literal) or needs_layer(value.tree)


def _of(value: Value, config: Config) -> Any:
    try:
        return evaluate(value.tree, config)
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return None


def outline(spec: Any) -> Any:
    """Return what every probe of a decoder says alike, whatever its sizes: its spec without expressions of the config.

    What two probes agree on has the outline of either.
    """
    if isinstance(spec, Value):
        return spec if _stands(spec) else Value
    if isinstance(spec, tuple):
        return tuple(map(outline, spec))
    if not is_dataclass(spec) or isinstance(spec, (type, Expression)):
        return spec
    return type(spec), [outline(getattr(spec, one.name)) for one in fields(spec) if one.compare]


def is_same(first: Any, second: Any, config: Config) -> bool:
    """Return whether two specs say the same of a checkpoint, whatever keys its numbers are explained by.

    Args:
        first: a spec, or a part of one.
        second: the other.
        config: the checkpoint's, completed.
    """
    if first == second:
        return True
    if isinstance(first, Value) and isinstance(second, Value):
        return _close(first.value, second.value)
    if isinstance(first, Expression) and isinstance(second, Expression):
        numbers = [_of(Value(None, None, one), config) for one in (first, second)]
        return None not in numbers and _close(*numbers)
    if isinstance(first, tuple) and isinstance(second, tuple) and len(first) == len(second):
        return all(is_same(one, other, config) for one, other in zip(first, second))
    if not is_dataclass(first) or type(first) is not type(second) or isinstance(first, type):
        return False
    pairs = [(getattr(first, one.name), getattr(second, one.name)) for one in fields(first) if one.compare]
    return all(is_same(one, other, config) for one, other in pairs)


def _close(one: Any, other: Any) -> bool:
    numbers = all(isinstance(part, (int, float)) and not isinstance(part, bool) for part in (one, other))
    return math.isclose(one, other, rel_tol=1e-9) if numbers else bool(one == other)
