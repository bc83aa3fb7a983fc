"""What an expression needs: config keys, names of the code around, the number of the layer."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.expressions.tree import (
    LAYER,
    Binary,
    Choice,
    Compare,
    Entries,
    Expression,
    Item,
    Key,
    LayerIndex,
    Literal,
    Log,
    Not,
    OfLayer,
)


def walk(tree: Expression) -> Iterator[Expression]:
    """Yield a tree and all its parts."""
    yield tree
    for part in parts(tree):
        yield from walk(part)


def parts(tree: Expression) -> tuple[Expression, ...]:
    """Return the expressions that an expression is directly made of."""
    match tree:
        case Item(first, second) | Binary(_, first, second) | Compare(_, first, second):
            return first, second
        case OfLayer(key):
            return Key((key,)), LAYER
        case Not(operand) | Log(operand):
            return (operand,)
        case Choice(condition, then, otherwise):
            return condition, then, otherwise
        case Entries(items, base):
            return (*(() if base is None else (base,)), *(value for _, value in items))
    return ()


def keys(tree: Expression) -> frozenset[tuple[str, ...]]:
    """Return the paths of the config keys that it may look at."""
    return frozenset(part.path for part in walk(tree) if isinstance(part, Key))


def needs_layer(tree: Expression) -> bool:
    """Return whether its value may differ from layer to layer."""
    return any(isinstance(part, LayerIndex) for part in walk(tree))


def imports(tree: Expression) -> tuple[str, ...]:
    """Return the import lines that its Python needs."""
    return ("import math",) if any(isinstance(part, Log) for part in walk(tree)) else ()


def words(tree: Expression) -> frozenset[str]:
    """Return the keys and the literal strings in it: what its author calls things."""
    texts = {part.value for part in walk(tree) if isinstance(part, Literal) and isinstance(part.value, str)}
    return frozenset({name for path in keys(tree) for name in path} | texts)
