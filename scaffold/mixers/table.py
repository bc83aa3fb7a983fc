"""The kinds of mixers, one per line, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from scaffold.mixers import grouped_query, latent
from scaffold.mixers.protocol import Mixer
from scaffold.spec.layers import MixerSpec

_kinds: tuple[Mixer, ...] = (
    latent,
    grouped_query,
)


def kinds() -> tuple[Mixer, ...]:
    """Return all kinds, in the order in which they are asked."""
    return _kinds


def kind_of(spec: MixerSpec) -> Mixer:
    """Return the kind of a mixer that was read."""
    return next(kind for kind in _kinds if isinstance(spec, kind.Spec))


@contextmanager
def extended(kind: Mixer) -> Iterator[None]:
    """Have one more kind in this process, which is asked before all others."""
    global _kinds
    before = _kinds
    _kinds = (kind, *(one for one in before if one is not kind))
    try:
        yield
    finally:
        _kinds = before
