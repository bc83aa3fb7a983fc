"""Statements of the source, where there is no idiom for them."""

from __future__ import annotations

from collections.abc import Sequence

from scaffold.carried.spec import CarriedHeads, Stretch
from scaffold.idioms.carried import KV_LOADER, made
from scaffold.idioms.written import Piece
from scaffold.mixers.grouped_query.pieces.layers import Layers

FUNCTIONAL = "import torch.nn.functional as F"


def projected(layers: Layers) -> Piece | None:
    """Return what happens to q, k and v before the rotation, or in its place; and what both parts of it use."""
    carried: CarriedHeads | None = layers.same("what is carried over from the source", lambda a: a.carried)
    return None if carried is None else _piece(layers, "before_rotation", carried.before, carried.after)


def rotated(layers: Layers) -> Piece | None:
    """Return what happens to q and k behind the rotation."""
    carried: CarriedHeads | None = layers.used[0].carried
    if carried is None or not any(stretch.lines for stretch in carried.after):
        return None
    lines = _lines(carried.after)
    return Piece({"after_rotation": lines}, (FUNCTIONAL,), _needs_config(carried.after))


def attended(layers: Layers) -> Piece | None:
    """Return what happens between the attention and its output projection."""
    stretch = layers.same("what is carried over from the source", lambda a: a.carried_output)
    return None if stretch is None else _piece(layers, "attended", (stretch,), ())


def _piece(layers: Layers, slot: str, here: Sequence[Stretch], later: Sequence[Stretch]) -> Piece:
    """Return statements in a slot, with all that they and later ones use."""
    statements, imports, by_kv_heads = made([*here, *later], layers.frame.prefix, layers.frame.hidden_size)
    helpers = frozenset({KV_LOADER}) if by_kv_heads else frozenset[str]()
    code = {slot: _lines(here), "modules": "\n".join(statements)}
    return Piece(code, (*imports, FUNCTIONAL), _needs_config(here), helpers=helpers)


def _needs_config(stretches: Sequence[Stretch]) -> bool:
    return any(stretch.needs_config for stretch in stretches)


def _lines(stretches: Sequence[Stretch]) -> str:
    """Return the statements of stretches; what they read of positions and of the block's input comes first, once."""
    tables = [line for table in dict.fromkeys(stretch.tables for stretch in stretches) for line in table]
    linears = dict.fromkeys(one for stretch in stretches for one in stretch.linears)
    calls = [f"{one.name}, _ = self.{one.attribute}(hidden_states)" for one in linears]
    return "\n".join([*tables, *calls, *(line for stretch in stretches for line in stretch.commented)])
