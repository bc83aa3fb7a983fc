"""Choices that the sizes of both probes decide otherwise than the checkpoint's: they make no difference, or are a hole.

A layer may be made in another way from so many heads on, or where a model is wide. Whether that matters is asked by one
more probe, in which such choices come out as the checkpoint's own sizes decide them: what is read of it has to be the
same. Where it is not known how they do (``if table[0, 0] == 0``), it is asked by a probe that chooses the other way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from scaffold.probing.probe import Probe
from scaffold.probing.sizes import pairs, related
from scaffold.reading.agreement import is_same
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.transformers.decided import At, Choice
from scaffold.spec.decoder import DecoderSpec

ROTATIONS = "/transformers/modeling_rope_utils.py"
"""The file of transformers that computes frequencies by the name of a type: what that says is known at all sizes, a row
of ``ROPE_TYPES`` in ``scaffold/probing/rotations.py``."""
TIMES = 3
"""How often choices are looked for that are made where others come out as for the checkpoint."""
Read = Callable[[int, Collection[At]], tuple[Probe, DecoderSpec]]
"""From the number of a probe's sizes, and places where choices come out as for the checkpoint, to it and its spec."""


def otherwise(probes: Sequence[Probe]) -> dict[At, Choice]:
    """Return the choices that no probe decides as the checkpoint's sizes do, in the order of the first one's run."""
    first, *others = (one.interpreter.decisions.otherwise for one in probes)
    both = {at: choice for at, choice in first.items() if all(at in other for other in others)}
    if not both and first and all(others):  # no probe decides all of them so
        both = {at: choice for found in (first, *others) for at, choice in found.items()}
    return {at: choice for at, choice in both.items() if not at[0].endswith(ROTATIONS)}


def check(probe: Probe, seen: DecoderSpec, choices: dict[At, Choice], read: Read) -> None:
    """Check that what was read does not depend on choices that come out otherwise.

    A probe of the same sizes is asked that is made to choose so, and if that cannot be, one of other sizes that does.

    Args:
        probe: the first of a pair.
        seen: what was read of it.
        choices: place → the choice, at least one.
        read: runs another probe and reads it.

    Raises:
        NotUnderstood: it does, or that is not known; with the first choice and its place.
    """
    choice = next(iter(choices.values()))
    if not any(is_same(seen, said, probe.completed) for said in _decided(probe, choices, read)):
        raise NotUnderstood(choice.what, choice.where)


def _decided(probe: Probe, choices: dict[At, Choice], read: Read) -> Iterator[DecoderSpec]:
    """Yield what a run says in which all choices come out as for the checkpoint; none where there is no such run."""
    known = probe.interpreter.decisions.otherwise.keys()
    as_stated = dict(choices)
    for _ in range(TIMES):
        if not all(one.is_free and (one.is_known or len(as_stated) == 1) for one in as_stated.values()):
            break
        try:
            other, said = read(related(probe.sizes), frozenset(as_stated))
        except NotUnderstood:
            break
        found = other.interpreter.decisions.otherwise
        further = {at: one for at, one in found.items() if at not in known and at not in as_stated}
        if not further:
            yield said
            return
        as_stated |= further  # choices that are made where only the checkpoint comes
    for pair in pairs(probe.completed):
        if 2 * pair == probe.sizes:
            continue
        try:
            other, said = read(related(2 * pair), frozenset())
        except NotUnderstood:
            continue
        chosen = other.interpreter.decisions.otherwise.keys()
        if not choices.keys() & chosen and chosen <= known:
            yield said
            return
