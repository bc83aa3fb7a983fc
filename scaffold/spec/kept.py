"""What a layer keeps of a sequence while it is served."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kept:
    """The row that a kind of mixer has in the arithmetic of capacity; counted in elements of the cache's data type.

    Attributes:
        heads: what ranks share; where there are fewer than ranks, several hold the same.
        per_head: elements of one token in one head.
        window: tokens that are kept at most; None for all.
        state: elements of one head of a state of fixed size for each sequence.
        state_heads: what ranks share of the state; 1 if every rank holds it.
    """

    heads: int
    per_head: int
    window: int | None = None
    state: int = 0
    state_heads: int = 1

    def elements(self, tensor_parallel_size: int, tokens: int) -> int:
        """Return the elements that one rank keeps of a sequence."""
        kept = tokens if self.window is None else min(tokens, self.window)
        state = -(-self.state_heads // tensor_parallel_size) * self.state
        return kept * -(-self.heads // tensor_parallel_size) * self.per_head + state
