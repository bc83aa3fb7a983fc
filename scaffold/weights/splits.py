"""How the ranks of tensor parallelism share a part of a parameter, as vLLM's parallel layers do it."""

from __future__ import annotations

from dataclasses import dataclass

Interval = tuple[int, int]
"""Begin and end along the axis that is shared."""


@dataclass(frozen=True)
class Whole:
    """Every rank holds all of it (ReplicatedLinear, norms)."""

    def __str__(self) -> str:
        return "replicated"

    def misfit(self, size: int, tp: int) -> str:
        """Return why this number of ranks is not possible; empty if it is."""
        return ""

    def interval(self, size: int, tp: int, rank: int) -> Interval:
        """Return what a rank holds."""
        return 0, size


@dataclass(frozen=True)
class Even:
    """Each rank holds as much as the others (ColumnParallelLinear, RowParallelLinear).

    Attributes:
        unit: entries that stay together, such as the size of a head.
    """

    unit: int = 1

    def __str__(self) -> str:
        return "even" if self.unit == 1 else f"even, {self.unit} at a time"

    def misfit(self, size: int, tp: int) -> str:
        """Return why this number of ranks is not possible; empty if it is."""
        units, rest = divmod(size, self.unit)
        if rest or units % tp:
            what = "entries" if self.unit == 1 else f"heads of {self.unit}"
            return f"{units} {what} cannot be shared evenly by {tp} ranks"
        return ""

    def interval(self, size: int, tp: int, rank: int) -> Interval:
        """Return what a rank holds."""
        return size // tp * rank, size // tp * (rank + 1)


@dataclass(frozen=True)
class KvHeads:
    """Key or value heads: shared evenly, and replicated where there are more ranks than heads (QKVParallelLinear)."""

    heads: int

    def __str__(self) -> str:
        return f"KV heads, {self.heads}"

    def misfit(self, size: int, tp: int) -> str:
        """Return why this number of ranks is not possible; empty if it is."""
        if max(self.heads, tp) % min(self.heads, tp):
            return f"{self.heads} KV heads can neither be shared evenly nor replicated evenly by {tp} ranks"
        return ""

    def interval(self, size: int, tp: int, rank: int) -> Interval:
        """Return what a rank holds."""
        replicas = max(1, tp // self.heads)
        held = size // min(tp, self.heads)
        return held * (rank // replicas), held * (rank // replicas + 1)


@dataclass(frozen=True)
class Vocabulary:
    """Rows of an embedding or a head: padded to a multiple, then shared evenly (VocabParallelEmbedding).

    Attributes:
        padding: vLLM's DEFAULT_VOCAB_PADDING_SIZE.
    """

    padding: int = 64

    def padded(self, size: int) -> int:
        """Return the number of rows with the padding."""
        return -(-size // self.padding) * self.padding

    def __str__(self) -> str:
        return f"vocabulary, padded to {self.padding}"

    def misfit(self, size: int, tp: int) -> str:
        """Return why this number of ranks is not possible; empty if it is."""
        rows = self.padded(size)
        return f"{rows} rows (padded) cannot be shared evenly by {tp} ranks" if rows % tp else ""

    def interval(self, size: int, tp: int, rank: int) -> Interval:
        """Return what a rank holds of the rows that exist."""
        rows = self.padded(size) // tp
        return min(size, rows * rank), min(size, rows * (rank + 1))


Split = Whole | Even | KvHeads | Vocabulary


def expert_interval(experts: int, ranks: int, rank: int) -> Interval:
    """Return the experts of a rank under expert parallelism; the first ranks hold one more where it is uneven.

    Source: vLLM, ``determine_expert_map`` with linear placement.
    """
    base, rest = divmod(experts, ranks)
    begin = base * rank + min(rank, rest)
    return begin, begin + base + (rank < rest)
