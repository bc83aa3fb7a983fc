"""Choices that the sizes of both probes decide otherwise than the checkpoint's: they make no difference, or are a hole.

A layer may be made in another way from so many heads on, or where a model is wide. Whether that matters is asked by one
more probe, in which such choices come out as the checkpoint's own sizes decide them: what is read of it has to be the
same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from scaffold.probing.probe import Probe
from scaffold.probing.sizes import pairs, related
from scaffold.reading.agreement import is_same
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.transformers.decided import At, Choice
from scaffold.spec.decoder import DecoderSpec

ROTATIONS = "/transformers/modeling_rope_utils.py"
"""The file of transformers that computes frequencies by the name of a type: what that says is known at all sizes, a row
of ``ROPE_TYPES`` in ``scaffold/probing/rotations.py``."""
Read = Callable[[int, Collection[At]], tuple[Probe, DecoderSpec]]
"""From the number of a probe's sizes, and places where choices come out as for the checkpoint, to it and its spec."""


def otherwise(probes: Sequence[Probe]) -> dict[At, Choice]:
    """Return the choices that no probe decides as the checkpoint's sizes do, in the order of the first one's run."""
    first, *others = (one.interpreter.decisions.otherwise for one in probes)
    both = {at: choice for at, choice in first.items() if all(at in other for other in others)}
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
    is_free = all(one.is_free for one in choices.values())
    tried = [(related(probe.sizes), frozenset(choices))] if is_free else []
    tried += [(related(2 * pair), frozenset()) for pair in pairs(probe.completed) if 2 * pair != probe.sizes]
    for sizes, as_stated in tried:
        try:
            other, said = read(sizes, as_stated)
        except NotUnderstood:
            continue
        if as_stated or not choices.keys() & other.interpreter.decisions.otherwise.keys():
            if is_same(seen, said, probe.completed):
                return
            break
    raise NotUnderstood(choice.what, choice.where)
