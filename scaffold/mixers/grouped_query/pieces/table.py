"""The optional pieces, one per line. Those that fill one slot fill it in this order."""

from __future__ import annotations

from collections.abc import Callable

from scaffold.idioms.written import Piece
from scaffold.mixers.grouped_query.pieces import carried, differential, factors, output, rotation, scores, values
from scaffold.mixers.grouped_query.pieces.layers import Layers

PIECES: tuple[Callable[[Layers], Piece | None], ...] = (
    factors.clip,
    rotation.qk_norm,
    values.v_norm,
    carried.projected,
    rotation.rotation,
    carried.rotated,
    factors.position_scale,
    factors.value_scale,
    differential.differential,
    output.value_size,
    output.gate,
    output.output_norm,
    carried.attended,
    scores.alibi,
    scores.soft_cap,
    scores.window,
    scores.chunks,
    scores.sinks,
)


def pieces_of(layers: Layers) -> list[Piece]:
    """Return the pieces that the attention has.

    Raises:
        NotUnderstood: layers differ in a way that there is no idiom for.
    """
    return [piece for make in PIECES if (piece := make(layers)) is not None]
