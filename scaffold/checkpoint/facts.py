"""What is known of a checkpoint, each with its evidence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Evidence:
    """What proves a fact: ``kind`` is ``config``, ``tensor``, ``file`` or ``source``; ``where`` a name or lines."""

    kind: str
    where: str
    shows: str = ""


@dataclass(frozen=True)
class Fact:
    """One thing that is known."""

    name: str
    value: str
    evidence: tuple[Evidence, ...]
