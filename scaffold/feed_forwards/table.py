"""The kinds of feed-forward blocks, one per line, in the order in which they are asked."""

from __future__ import annotations

from scaffold.feed_forwards import experts, mlp
from scaffold.feed_forwards.protocol import FeedForward
from scaffold.spec.kinds import Kinds

FEED_FORWARDS = Kinds[FeedForward](
    experts,
    mlp,
)
kinds, kind_of, extended = FEED_FORWARDS.kinds, FEED_FORWARDS.kind_of, FEED_FORWARDS.extended
