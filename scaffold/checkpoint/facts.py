"""Facts about a checkpoint, each with its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Evidence:
    """What proves a fact: ``kind`` is ``config``, ``tensor``, ``file`` or ``source``; ``where`` a name or lines."""

    kind: str
    where: str
    shows: str = ""


DecoderPart = Literal["", "final norm", "layer norms", "attention", "feed-forward"]
"""A part of a decoder; empty for the model as a whole."""


@dataclass(frozen=True)
class Fact:
    """One fact, and the part of the decoder that it is about."""

    name: str
    value: str
    evidence: tuple[Evidence, ...]
    about: DecoderPart = ""
