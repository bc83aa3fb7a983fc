"""A decoder's spec as plain words, so that what is expected of it can be written down beside what is found."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from scaffold.expressions.python import shown
from scaffold.expressions.tree import Expression
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.layers import LayerSpec
from scaffold.spec.values import ONE, Value

Words = dict[str, Any]


def decoder_words(spec: DecoderSpec) -> Words:
    """Return all that a spec says but its layers: path → value, what is absent left out."""
    return {path: word for path, word in words(spec).items() if not path.startswith("layers[")}


def layer_kinds(spec: DecoderSpec) -> list[tuple[list[int], Words]]:
    """Return the kinds of layers: their numbers, and all that the spec says of them."""
    kinds: dict[LayerSpec, list[int]] = {}
    for number, layer in enumerate(spec.layers):
        kinds.setdefault(layer, []).append(number)
    return [(numbers, {**words(layer), "flow": flow(layer)}) for layer, numbers in kinds.items()]


def flow(layer: LayerSpec) -> str:
    """Return how values flow through a layer: each block with what it takes, then what leaves the layer."""

    def total(flows: tuple[tuple[str, Value], ...]) -> str:
        return " + ".join(name if factor == ONE else f"{factor.code} * {name}" for name, factor in flows)

    return "; ".join([*(f"{step.name or 'mlp'}({total(step.inputs)})" for step in layer.steps), total(layer.output)])


def words(spec: Any, path: str = "") -> Words:
    """Return path → value of all fields that are compared and say something."""
    found: Words = {}
    for field in fields(spec):
        value = getattr(spec, field.name)
        if field.compare and field.name not in ("steps", "output", "layers") and value != field.default:
            found |= _word(f"{path}.{field.name}".strip("."), value)
    return found


def _word(path: str, value: Any) -> Words:
    if isinstance(value, Value):
        return _value(path, value)
    if isinstance(value, Expression):
        return {path: shown(value)}
    if is_dataclass(value):
        return words(value, path)
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str) and is_dataclass(value[1]):
        return {path: value[0], **words(value[1], path)}
    if isinstance(value, tuple) and value and all(isinstance(item, Value) for item in value):
        return {k: v for number, item in enumerate(value) for k, v in _value(f"{path}.{number}", item).items()}
    if isinstance(value, tuple) and any(isinstance(item, tuple) for item in value):
        return {k: v for name, item in value for k, v in _word(f"{path}.{name}", item).items()}
    if isinstance(value, tuple):
        return {path: list(value)} if value else {}
    return {path: value} if value not in (None, "", False) else {}


def _value(path: str, value: Value) -> Words:
    """Return a value: with its key, as an expression, or alone; a switch that is off and a factor of 1 say nothing."""
    if value.expression:
        return {path: shown(value.expression)}
    if value.value is False or (value.key is None and type(value.value) is float and value.value == 1.0):
        return {}
    plain = next((kind(value.value) for kind in (bool, int, float, str) if isinstance(value.value, kind)), value.value)
    return {path: [plain, value.key] if value.key else plain}
