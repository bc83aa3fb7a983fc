"""A hundred thousand names as a small tree: what repeats, such as layers and experts, is there once.

Names are cut at their dots. Children that are numbers and have the same content under them become one child, labelled
with their numbers; equal contents anywhere are one node. So a tree of 61 layers of 256 experts is as small as its kinds
of layers, and nothing of it is lost: `unfolded` gives each name back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

DEPTH = 32
"""Dots that a name is cut at; names come from a checkpoint, and may have any number."""
DIGITS = 9
"""Longer numbers are text: a browser counts exactly to 2^53."""

Run = tuple[int, int, int]
"""First number, last number, step."""
Label = str | tuple[Run, ...]
Child = tuple[Label, int]
"""What stands between two dots, and what follows: a node; below 0 the end of a name, ``~index`` of its kind."""


@dataclass(frozen=True)
class Folded:
    """Names as a tree with shared nodes.

    Attributes:
        nodes: the children of each node; nodes follow those that they refer to.
        root: index of the node that all names begin at; -1 where there is no name.
    """

    nodes: tuple[tuple[Child, ...], ...]
    root: int


def folded(names: Mapping[str, int]) -> Folded:
    """Return names as a tree.

    Args:
        names: name → index of its kind: names of one kind have all but the name in common.
    """
    top: _Open = {}
    for name, kind in names.items():
        *path, last = name.split(".", DEPTH)
        node = top
        for piece in path:
            below = node.get((piece, True))
            if not isinstance(below, dict):
                below = node[piece, True] = {}
            node = below
        node[last, False] = kind
    interned: dict[tuple[Child, ...], int] = {}
    root = _intern(top, interned) if top else -1
    return Folded(tuple(interned), root)


def unfolded(tree: Folded) -> Iterator[tuple[str, int]]:
    """Yield each name of a tree, with the index of its kind."""
    if tree.root >= 0:
        yield from _names(tree, tree.root, "")


def is_number(piece: str) -> bool:
    """Return whether a piece of a name is a number as one is counted with."""
    return piece.isascii() and piece.isdigit() and len(piece) <= DIGITS and (piece == "0" or piece[0] != "0")


def runs(numbers: Sequence[int]) -> tuple[Run, ...]:
    """Return ascending numbers as few runs; two numbers alone are no step."""
    found: list[Run] = []
    at = 0
    while at < len(numbers):
        step = numbers[at + 1] - numbers[at] if at + 1 < len(numbers) else 1
        end = at + 1
        while end < len(numbers) and numbers[end] - numbers[end - 1] == step:
            end += 1
        if step > 1 and end - at < 3:
            end, step = at + 1, 1
        found.append((numbers[at], numbers[end - 1], step))
        at = end
    return tuple(found)


_Open = dict[tuple[str, bool], "int | _Open"]
"""Piece and whether more follows → kind, or what follows: a name may be the beginning of another."""


def _intern(node: _Open, interned: dict[tuple[Child, ...], int]) -> int:
    """Return the index of a node, which is there once whatever is above it."""
    words: list[Child] = []
    numbers: dict[int, list[int]] = {}
    for (piece, _), below in node.items():
        reference = _intern(below, interned) if isinstance(below, dict) else ~below
        if is_number(piece):
            numbers.setdefault(reference, []).append(int(piece))
        else:
            words.append((piece, reference))
    ranges = [(tuple(sorted(found)), reference) for reference, found in numbers.items()]
    children = (*words, *((runs(found), reference) for found, reference in sorted(ranges)))
    return interned.setdefault(children, len(interned))


def _names(tree: Folded, index: int, beginning: str) -> Iterator[tuple[str, int]]:
    for label, reference in tree.nodes[index]:
        pieces = [label] if isinstance(label, str) else [str(n) for a, b, step in label for n in range(a, b + 1, step)]
        for piece in pieces:
            if reference < 0:
                yield beginning + piece, ~reference
            else:
                yield from _names(tree, reference, f"{beginning}{piece}.")
