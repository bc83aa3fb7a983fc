"""Holes as one line of text, and in JSON documents."""

from __future__ import annotations

from collections.abc import Iterable

from scaffold.spec.values import Hole


def listed(holes: Iterable[Hole]) -> str:
    """Return what the holes are and where, for a reason or an error."""
    return "; ".join(f"{hole.what} ({hole.evidence})" for hole in holes)


def holes_document(holes: Iterable[Hole]) -> list[dict[str, str]]:
    """Return what JSON documents say of holes."""
    return [{"where": hole.where, "what": hole.what, "evidence": hole.evidence} for hole in holes]
