"""How a decoder layer makes its blocks."""

from __future__ import annotations

from collections.abc import Iterable

MIXER_ARGUMENTS = ("config=config", "cache_config=cache_config", "quant_config=quant_config")


def construct(name: str, class_name: str, arguments: Iterable[str]) -> str:
    """Return the statement that makes a block, as an attribute ``name`` of the layer."""
    lines = [f"    {argument}," for argument in (*arguments, f'prefix=f"{{prefix}}.{name}"')]
    return "\n".join([f"self.{name} = {class_name}(", *lines, ")"])


def construct_mixer(name: str, class_name: str) -> str:
    """Return the statement that makes a mixer: all of them take the same arguments."""
    return construct(name, class_name, MIXER_ARGUMENTS)
