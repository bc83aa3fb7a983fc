"""How a decoder layer makes its blocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

MIXER_ARGUMENTS = ("config=config", "cache_config=cache_config", "quant_config=quant_config")


@dataclass(frozen=True)
class Construct:
    """The statement that makes a block.

    Attributes:
        name: the attribute of the layer that holds it.
        class_name: the block's class.
        arguments: what it is given before its prefix, such as ``config=config``.
        further: what it is given after that.
    """

    name: str
    class_name: str
    arguments: tuple[str, ...]
    further: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the statement, without indentation."""
        arguments = (*self.arguments, f'prefix=f"{{prefix}}.{self.name}"', *self.further)
        return (f"self.{self.name} = {self.class_name}(", *(f"    {argument}," for argument in arguments), ")")

    def named(self, name: str, *further: str) -> Construct:
        """Return the statement that makes another block of this class."""
        return replace(self, name=name, further=(*self.further, *further))

    def __str__(self) -> str:
        return "\n".join(self.lines)


def construct(name: str, class_name: str, arguments: Iterable[str]) -> Construct:
    """Return the statement that makes a block, as an attribute ``name`` of the layer."""
    return Construct(name, class_name, tuple(arguments))


def construct_mixer(name: str, class_name: str) -> Construct:
    """Return the statement that makes a mixer: all of them take the same arguments."""
    return construct(name, class_name, MIXER_ARGUMENTS)
