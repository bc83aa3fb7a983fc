"""The kinds of feed-forward blocks, one per line, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from scaffold.feed_forwards import experts, mlp
from scaffold.feed_forwards.protocol import FeedForward
from scaffold.spec.layers import FeedForwardSpec

_kinds: tuple[FeedForward, ...] = (
    experts,
    mlp,
)


def kinds() -> tuple[FeedForward, ...]:
    """Return all kinds, in the order in which they are asked."""
    return _kinds


def kind_of(spec: FeedForwardSpec) -> FeedForward:
    """Return the kind of a block that was read."""
    return next(kind for kind in _kinds if isinstance(spec, kind.Spec))


@contextmanager
def extended(kind: FeedForward) -> Iterator[None]:
    """Have one more kind in this process, which is asked before all others."""
    global _kinds
    before = _kinds
    _kinds = (kind, *(one for one in before if one is not kind))
    try:
        yield
    finally:
        _kinds = before
