"""The servers that models are planned for, and how bytes are shown."""

from __future__ import annotations

from dataclasses import dataclass, replace

GIB = 2**30
UTILISATION = 0.9
"""``--gpu-memory-utilization`` of vllm-ascend's tutorials."""
WORKING_BYTES = 3 * GIB
"""Assumed for activations, graphs and communication buffers; a gate measures it."""


@dataclass(frozen=True)
class Node:
    """A server: its name and its number of NPUs."""

    name: str
    npus: int


@dataclass(frozen=True)
class Device:
    """A kind of NPU.

    Attributes:
        generation: as vllm-ascend has it, see scaffold/checkpoint/ascend_paths.py.
        npu_bytes: memory of one NPU.
        nodes: servers with such NPUs.
    """

    generation: str
    npu_bytes: int
    nodes: tuple[Node, ...]

    @property
    def usable(self) -> int:
        """Return the bytes of an NPU for weights and KV cache."""
        return max(0, int(self.npu_bytes * UTILISATION) - WORKING_BYTES)

    def with_memory(self, npu_bytes: int) -> Device:
        """Return the same servers with another memory on each NPU."""
        return replace(
            self, npu_bytes=npu_bytes, nodes=tuple(Node(_plain(node.name), node.npus) for node in self.nodes)
        )


def _plain(name: str) -> str:
    return name.partition(" (")[0]


A2, A3 = Node("Atlas 800 A2 (64G × 8)", 8), Node("Atlas 800 A3 (64G × 16)", 16)
ANY = Device("A2", 64 * GIB, (A2, A3))
"""What is planned for where no device is named: vllm-ascend's tutorials speak of these two servers."""
DEVICES = {
    "A2": Device("A2", 64 * GIB, (A2,)),
    "A3": Device("A3", 64 * GIB, (A3,)),
    "910B-32G": Device("A2", 32 * GIB, (Node("Atlas 800 A2 (32G × 8)", 8),)),
    "310P": Device("310P", 24 * GIB, (Node("Atlas 300I Duo (2 × 24G)", 2), Node("4 × Atlas 300I Duo (8 × 24G)", 8))),
}
"""Atlas 300I Duo: a card of 48 GB with two processors; there is one of 96 GB, too (``--memory 48``)."""


def planned_for(device: str | None, memory: int | None) -> Device:
    """Return a row of `DEVICES`, `ANY` without a name, with another memory (in GiB) if one is given."""
    found = ANY if device is None else DEVICES[device]
    return found if memory is None else found.with_memory(memory * GIB)


def node_count(npus: int, node: Node) -> int:
    """Return how many nodes have that many NPUs."""
    return -(-npus // node.npus)
