"""Expressions over a config: numbers, keys, arithmetic, and choices between layers. No more.

A tree says what is computed, not how it is written: ``python.py`` writes it, ``evaluate.py`` computes it, ``uses.py``
tells what it needs. Operators on trees make trees, so that one lambda serves numbers and expressions alike:
``(lambda a, b: a / b**0.5)(key("scale_emb"), key("hidden_size"))``.
"""

from __future__ import annotations

import keyword
from dataclasses import dataclass

Scalar = int | float | str | bool | None
ARITHMETIC = ("+", "-", "*", "/", "//", "%", "**")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "in", "not in")


class Expression:
    """Something that a config, and for some the number of a layer, gives a value. The nodes below are all there are."""

    def __add__(self, other: Operand) -> Binary:
        return Binary("+", self, lift(other))

    def __sub__(self, other: Operand) -> Binary:
        return Binary("-", self, lift(other))

    def __mul__(self, other: Operand) -> Binary:
        return Binary("*", self, lift(other))

    def __truediv__(self, other: Operand) -> Binary:
        return Binary("/", self, lift(other))

    def __floordiv__(self, other: Operand) -> Binary:
        return Binary("//", self, lift(other))

    def __mod__(self, other: Operand) -> Binary:
        return Binary("%", self, lift(other))

    def __pow__(self, other: Operand) -> Binary:
        return Binary("**", self, lift(other))

    def __rmul__(self, other: Scalar) -> Binary:
        return Binary("*", lift(other), self)

    def __rtruediv__(self, other: Scalar) -> Binary:
        return Binary("/", lift(other), self)


Operand = Expression | Scalar


@dataclass(frozen=True)
class Literal(Expression):
    """A value that the config does not say; or some of them, for ``in``."""

    value: Scalar | tuple[Scalar, ...]


@dataclass(frozen=True)
class Key(Expression):
    """A key of the config; after the first, keys of what is inside: ``("rope_parameters", "factor")``.

    Attributes:
        path: the keys.
        objects: how many of the first ones hold configs, which have attributes (``config.ffn_config.moe_top_k``);
            what others hold are mappings.
    """

    path: tuple[str, ...]
    objects: int = 0

    def __post_init__(self) -> None:
        if not self.path or not is_name(self.path[0]):
            raise ValueError(f"{self.path!r} is no path into a config: the first key has to be an attribute's name")


@dataclass(frozen=True)
class Name(Expression):
    """A number that the code around has computed already, by its role: ``head_dim``, ``num_heads``."""

    role: str


@dataclass(frozen=True)
class LayerIndex(Expression):
    """The number of the layer, from 0."""


@dataclass(frozen=True)
class OfLayer(Expression):
    """A key that has no value for the whole model: ``config.per_layer_config[layer_idx].head_dim``."""

    key: str


@dataclass(frozen=True)
class Item(Expression):
    """An item of a list: ``config.layer_types[layer_idx]``."""

    of: Expression
    index: Expression


@dataclass(frozen=True)
class Binary(Expression):
    """``left op right``; ``op`` is one of `ARITHMETIC`."""

    op: str
    left: Expression
    right: Expression

    def __post_init__(self) -> None:
        if self.op not in ARITHMETIC:
            raise ValueError(f"{self.op!r} is none of {ARITHMETIC}")


@dataclass(frozen=True)
class Log(Expression):
    """The natural logarithm."""

    operand: Expression


@dataclass(frozen=True)
class Compare(Expression):
    """``left op right``; ``op`` is one of `COMPARISONS`."""

    op: str
    left: Expression
    right: Expression

    def __post_init__(self) -> None:
        if self.op not in COMPARISONS:
            raise ValueError(f"{self.op!r} is none of {COMPARISONS}")


@dataclass(frozen=True)
class Not(Expression):
    """The opposite of a condition."""

    operand: Expression


@dataclass(frozen=True)
class Choice(Expression):
    """``then if condition else otherwise``."""

    condition: Expression
    then: Expression
    otherwise: Expression


@dataclass(frozen=True)
class Entries(Expression):
    """A mapping of these items; with a base, the base's items and these in place of its own."""

    items: tuple[tuple[str, Expression], ...]
    base: Expression | None = None


LAYER = LayerIndex()
TRUE, FALSE, NONE = Literal(True), Literal(False), Literal(None)
HEAD_DIM, NUM_HEADS, HIDDEN_SIZE = Name("head_dim"), Name("num_heads"), Name("hidden_size")
"""Numbers that others of an attention block are computed from."""


def key(*path: str) -> Key:
    """Return the key of a path.

    Raises:
        ValueError: its first part is no attribute's name.
    """
    return Key(path)


def is_name(text: str) -> bool:
    """Return whether Python takes a text for an attribute's name."""
    return text.isidentifier() and not keyword.iskeyword(text)


def lift(value: Operand) -> Expression:
    """Return a value as an expression."""
    return value if isinstance(value, Expression) else Literal(value)


def updated(mapping: Expression, name: str, value: Expression) -> Entries:
    """Return a mapping with one item more, or another one in its place."""
    if isinstance(mapping, Entries):
        return Entries((*((n, v) for n, v in mapping.items if n != name), (name, value)), mapping.base)
    return Entries(((name, value),), mapping)


def entry(mapping: Expression, name: str) -> Expression:
    """Return an item of a mapping."""
    if isinstance(mapping, Entries):
        found = dict(mapping.items)
        return found[name] if name in found or mapping.base is None else entry(mapping.base, name)
    return Key((*mapping.path, name), mapping.objects) if isinstance(mapping, Key) else Item(mapping, Literal(name))


def times(left: Expression, right: Expression) -> Expression:
    """Return a product, which a product or quotient on the right needs no parentheses for: ``a * b / c``."""
    if isinstance(right, Binary) and right.op in ("*", "/"):
        return Binary(right.op, times(left, right.left), right.right)
    return left * right
