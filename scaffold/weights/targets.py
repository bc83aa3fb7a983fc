"""Names of an adapter's parts: the source's own, where they can be attribute names of one module."""

from __future__ import annotations

QKV = "qkv_proj"
KV = "kv_proj"
"""A layer that gives keys and values, and no q."""
KEYS = "k_proj"
VALUES = "v_proj"
"""What the weights of keys and of values are called while they are loaded, where one layer gives both."""
GATE_UP = "gate_up_proj"
UP = "up_proj"
DOWN = "down_proj"
EXPERTS = "experts"
EXPERT_NAMES = ("gate_proj", "up_proj")
"""What gate and up of an expert are called while they are loaded, where one layer gives both."""
FUSED_LATENTS = "fused_qkv_a_proj"


def attribute(path: str, fallback: str = "") -> str:
    """Return the attribute under which an adapter keeps what lies at ``path``: its last name, if it is one.

    What lies in a list has the list's name and its number: several of one list may be in a layer.
    """
    last = path.rpartition(".")[2]
    if last.isidentifier():
        return last
    return fallback if fallback and "." not in path else path.replace(".", "_")


def flat_attribute(path: str) -> str:
    """Return the attribute of what lies at ``path`` and is kept by a module above its own: all of its names."""
    return path.replace(".", "_")


def join(*parts: str) -> str:
    """Join the parts of a dotted path; empty ones are left out."""
    return ".".join(part for part in parts if part)
