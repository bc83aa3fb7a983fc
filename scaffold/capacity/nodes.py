"""How many NPUs the weights alone ask for, with the arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 2**30
NPU_BYTES = 64 * GIB
"""An NPU of Atlas A2 and A3 servers."""
SHARE = 0.8
"""Part of an NPU that weights may fill; the rest is for the KV cache and activations."""


@dataclass(frozen=True)
class Node:
    """A server: its name and its number of 64 GB NPUs."""

    name: str
    npus: int


NODES = (Node("Atlas 800 A2 (64G × 8)", 8), Node("Atlas 800 A3 (64G × 16)", 16))


def size_text(count: int) -> str:
    """Return a number of bytes in the unit that suits it."""
    return f"{count / GIB:.1f} GiB" if count >= GIB / 10 else f"{count / 2**20:.1f} MiB"


def smallest_tensor_parallel(weight_bytes: int) -> int:
    """Return the smallest power of two of NPUs whose share holds the weights."""
    size = 1
    while weight_bytes / size > NPU_BYTES * SHARE:
        size *= 2
    return size


def hardware_sentence(weight_bytes: int) -> str:
    """Say what the weights need, with the arithmetic."""
    size = smallest_tensor_parallel(weight_bytes)
    fitting = [f"{node_count(size, node)} {node.name}" for node in NODES]
    sum_shown = f"{size_text(weight_bytes)} / {size} ≤ {SHARE:.0%} of 64 GiB"
    return f"By size alone it fits on {size} NPU(s) ({sum_shown}): {' or '.join(fitting)} node(s); not tried yet."


def node_count(npus: int, node: Node) -> int:
    """Return how many nodes have that many NPUs."""
    return -(-npus // node.npus)
