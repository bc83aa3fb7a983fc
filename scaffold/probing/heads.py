"""What happens between a projection and the attention: norms, a rotation, a factor of the position."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from scaffold.probing import norms
from scaffold.probing.numbers import stated
from scaffold.probing.numeric import same
from scaffold.probing.position_scales import PositionScale, forms
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.probing.projections import Selection, linears, select, select_clipped
from scaffold.probing.rotations import Turn, turns
from scaffold.source.torch.events import Event
from scaffold.source.torch.tensors import Array
from scaffold.spec.values import Value


@dataclass(frozen=True)
class Path:
    """How heads come from a projection, in the order of computation; ``norms`` where each head has one of its own."""

    selection: Selection
    norm: Event | None = None
    per_head: bool = True
    norm_is_first: bool = True
    turn: Turn | None = None
    scale: tuple[PositionScale, tuple[Value, ...]] | None = None
    norms: tuple[Event, ...] = ()


class Tracer:
    """Traces heads of one block back to its projections."""

    def __init__(self, probe: Probe, block: Event) -> None:
        self.probe = probe
        self.linears = linears(block)
        self.norms = [e for e in block.walk() if norms.looks_like_norm(e)]
        self._scales = list(forms(probe, NUM_TOKENS))
        self.clip: Value | None = None
        """A limit on what the projections give, once one was seen."""
        self._turns: dict[int, list[Turn]] = {}

    def trace(self, heads: Array) -> Path | None:
        """Return how ``heads`` ``[heads, tokens, head_dim]`` were made, or None if in no known way.

        Tried are: nothing, norm, rotation, norm then rotation, rotation then norm; each also times a position's factor.
        """
        found = self._unscaled(heads)
        if found is not None:
            return found
        for form, values, factors in self._scales:
            found = self._unscaled(heads / factors[None, :, None])
            if found is not None:
                return replace(found, scale=(form, values))
        return None

    def _unscaled(self, heads: Array) -> Path | None:
        found = self.unturned(heads)
        if found is not None:
            return found
        for turn in self.turns(heads.shape[-1]):
            found = self.unturned(turn.undo(heads))
            if found is not None:
                return replace(found, turn=turn)
        for norms_of, before, per_head in self._undo_norms(heads):
            for turn in self.turns(heads.shape[-1]):
                selection = self.select(turn.undo(before))
                if selection is not None:
                    return Path(selection, norms_of[0], per_head, False, turn, norms=norms_of[1:] and norms_of)
        return None

    def _of_each(self, heads: Array) -> tuple[tuple[Event, ...], Array] | None:
        """Return the norms of which each gave one of ``heads``, and what they were given; None where none did."""
        found: list[Event] = []
        for head in heads if 1 < len(heads) <= len(self.norms) else ():
            giving = (one for one in self.norms if one.result().a.size == head.size)
            norm = next((one for one in giving if same(one.result().a.reshape(head.shape), head)), None)
            if norm is None or any(norm.module is one.module for one in found):
                return None
            found.append(norm)
        if not found:
            return None
        return tuple(found), np.stack([one.tensors()[0].a.reshape(heads.shape[1:]) for one in found])

    def select(self, heads: Array) -> Selection | None:
        """Return the columns that heads are, as they are or clipped to a limit of the config."""
        found = select(heads, self.linears)
        if found is not None:
            return found
        for limit, value in stated(self.probe, "clip"):
            if limit > 0 and np.max(np.abs(heads)) <= limit * (1 + 1e-9):
                clipped = select_clipped(heads, self.linears, limit)
                if clipped is not None:
                    self.clip = value
                    return clipped
        return None

    def unturned(self, heads: Array) -> Path | None:
        """Return how heads that no rotation turned were made: as columns of a projection, or a norm of such."""
        selection = self.select(heads)
        if selection is not None:
            return Path(selection)
        for norms_of, before, per_head in self._undo_norms(heads):
            selection = self.select(before)
            if selection is not None:
                return Path(selection, norms_of[0], per_head, norms=norms_of[1:] and norms_of)
        return None

    def turns(self, head_dim: int) -> list[Turn]:
        """Return the rotations that heads of this size may have gone through."""
        if head_dim not in self._turns:
            self._turns[head_dim] = turns(self.probe, head_dim, NUM_TOKENS)
        return self._turns[head_dim]

    def _undo_norms(self, heads: Array) -> Iterator[tuple[tuple[Event, ...], Array, bool]]:
        """Yield the norms that gave heads, what they were given, and whether each head is normalised on its own."""
        for norm in self.norms:
            for layout, per_head in LAYOUTS:
                after = layout(norm.result().a, len(heads))
                before = layout(norm.tensors()[0].a, len(heads))
                if after is not None and before is not None and same(after, heads):
                    yield (norm,), before, per_head
                    break
        each = self._of_each(heads)
        if each is not None:
            yield *each, True


def _heads_first(array: Array, heads: int) -> Array | None:
    found = _without_batch(array, 3)
    return found if found.ndim == 3 and found.shape[:2] == (heads, NUM_TOKENS) else None


def _tokens_first(array: Array, heads: int) -> Array | None:
    found = _without_batch(array, 3)
    return np.swapaxes(found, 0, 1) if found.ndim == 3 and found.shape[:2] == (NUM_TOKENS, heads) else None


def _flat(array: Array, heads: int) -> Array | None:
    found = _without_batch(array, 2)
    if found.ndim != 2 or found.shape[0] != NUM_TOKENS or found.shape[1] % heads:
        return None
    return np.swapaxes(found.reshape(NUM_TOKENS, heads, -1), 0, 1)


def _without_batch(array: Array, ndim: int) -> Array:
    """Return the array without axes of one, as long as it has more axes than that; the last one stays."""
    while array.ndim > ndim and 1 in array.shape[:-1]:
        array = array.squeeze(array.shape.index(1))
    return array


LAYOUTS = ((_heads_first, True), (_tokens_first, True), (_flat, False))
"""Ways in which a norm is given heads; whether it normalises each head on its own."""
