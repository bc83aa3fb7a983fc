"""Whether yarn's ramp ends for the checkpoint where vLLM's does: its ends are whole entries, rounded at other sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from scaffold.expressions.evaluate import evaluate
from scaffold.probing.frequencies import LEAST_RAMP, ends_of_yarn
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.shadows import is_number, is_step
from scaffold.source.torch.operations import before
from scaffold.vocabulary.lookup import value_of

if TYPE_CHECKING:
    from scaffold.probing.probe import Probe
    from scaffold.probing.rotations import Turn

ANGLES = ("cos", "sin", "polar")
"""Operations of angles."""


def check_ramp(probe: Probe, turn: Turn, real_size: int) -> None:
    """Check that yarn's ramp ends for the checkpoint, too, where vLLM's does.

    Its ends are whole entries of a head: numbers that differ a little, such as the source's own for ``beta_fast``, may
    round to the same ones at the sizes of both probes and to others at the checkpoint's.

    Args:
        probe: the probe.
        turn: the rotation, which has the numbers of vLLM's at the probe's sizes.
        real_size: the entries of a head that turn, for the checkpoint.

    Raises:
        NotUnderstood: it ends elsewhere, or that is not known.
    """
    if turn.candidate.rope_type != "yarn" or not turn.candidate.parameters.get("truncate", True):
        return
    real = evaluate(turn.candidate.tree, probe.completed)
    sizes = (
        (turn.candidate.parameters, turn.rotary_dim, probe.small.attributes),
        (real, real_size, probe.completed),
    )
    (low, high), (real_low, real_high) = (
        ends_of_yarn(parameters, size, int(value_of("max_position_embeddings", config) or 0))
        for parameters, size, config in sizes
    )
    begins, ends, wide = (low, real_low), (high, real_high), (high - low, real_high - real_low)
    found = list(_of_angles(probe))
    if high - low == LEAST_RAMP != real_high - real_low:  # added where both are one in the probe: a choice of its own
        found = [((one, real - LEAST_RAMP if one in (high, high - low) else real), step) for (one, real), step in found]

    def is_made(*parts: tuple[float, float]) -> bool:
        return any(_same(one, part) for one, _ in found for part in parts)

    explained = all(any(map(partial(_same, one), (begins, ends, wide))) for one, rounded in found if rounded)
    as_vllm = (_same(begins, begins[:1] * 2) or is_made(begins)) and (_same(wide, wide[:1] * 2) or is_made(wide, ends))
    if not (explained and as_vllm):
        what = "a yarn rotation whose ramp does not end for the checkpoint where vLLM's does"
        raise NotUnderstood(what, probe.source.file.shown)


def _of_angles(probe: Probe) -> Iterator[tuple[tuple[float, float], bool]]:
    """Yield the numbers that angles are made of and that are others for the checkpoint.

    Each is the probe's with the checkpoint's, and whether it was rounded on its way.
    """
    run = list(probe.root.all_operations())
    angles = [op for op in (*run, *before(run)) if op.name in ANGLES]
    for op in before(angles):
        for number in (*op.args, *op.kwargs.values()):
            if is_number(number) and (real := probe.interpreter.decisions.real(number)) != number:
                yield (float(number), float(real)), is_step(number)


def _same(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return math.isclose(one[0], other[0], rel_tol=1e-9) and math.isclose(one[1], other[1], rel_tol=1e-9)
