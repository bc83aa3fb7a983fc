"""Pieces of an adapter: a class, and the named fragments that it is put together from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from scaffold.expressions.tree import Expression
from scaffold.idioms.construct import Construct

NORM_OVER_RANKS = "norm_over_ranks"
"""The function of an adapter that normalises what several ranks hold (templates/adapter/norms.py.jinja)."""


@dataclass(frozen=True)
class Piece:
    """An optional piece of a class: all that it brings, in one place.

    Attributes:
        code: slot of the class's template → Python without indentation.
        imports: lines that the code needs; the formatter removes what is imported twice or not used.
        needs_config: the code reads the config as an attribute.
        uses: the expressions in the code.
        helpers: functions of the adapter that the code calls.
    """

    code: Mapping[str, str]
    imports: tuple[str, ...] = ()
    needs_config: bool = False
    uses: tuple[Expression, ...] = ()
    helpers: frozenset[str] = frozenset()


def slots(pieces: Iterable[Piece], names: Iterable[str]) -> dict[str, list[str]]:
    """Return the lines of each slot, in the order of the pieces.

    Raises:
        ValueError: a piece has code for a slot that the template does not have.
    """
    lines: dict[str, list[str]] = {name: [] for name in names}
    for piece in pieces:
        for slot, code in piece.code.items():
            if slot not in lines:
                raise ValueError(f"no slot {slot!r}: the template has {', '.join(lines)}")
            lines[slot] += code.splitlines()
    return lines


@dataclass(frozen=True)
class Sorting:
    """How a projection that holds q, k and v group by group is sorted while it is loaded.

    Attributes:
        order: the parts as they lie, such as ``q, v, k``; empty if that is q, k, v.
        setup: statements that make ``groups``, ``counts`` and ``head_dim``.
    """

    order: str
    setup: tuple[str, ...]


@dataclass(frozen=True)
class Loader:
    """A method of the model's class that loads some tensors itself and yields the others."""

    name: str
    text: str

    def named(self, name: str) -> Loader:
        """Return it under another name."""
        return Loader(name, self.text.replace(f"def {self.name}(", f"def {name}("))


@dataclass(frozen=True)
class Written:
    """All that a kind of block brings to an adapter.

    Attributes:
        text: its classes.
        construct: the statement by which a decoder layer makes one of them.
        imports: lines that the text needs.
        helpers: functions of the adapter that the text calls.
        layer_idx: ``construct`` reads the number of the layer.
        sorting: of packed projections.
        loaders: of tensors that vLLM's loader does not take as they lie.
    """

    text: str
    construct: Construct
    imports: tuple[str, ...] = ()
    helpers: frozenset[str] = field(default=frozenset())
    layer_idx: bool = False
    sorting: Sorting | None = None
    loaders: tuple[Loader, ...] = ()
