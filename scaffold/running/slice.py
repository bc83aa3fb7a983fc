"""Makes the slice of a checkpoint that stage slice serves: as many first layers as the reference has means for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from scaffold.checkpoint.read import Checkpoint
from scaffold.common.errors import CheckFailed, UsageError
from scaffold.mapping.of_checkpoint import tensors_of, weight_map_of
from scaffold.reading.of_checkpoint import Reading, read_model_of
from scaffold.slicing.cost import Means, cost_of, largest_fitting
from scaffold.slicing.layers import Layers, layers_of
from scaffold.slicing.value import slice_of
from scaffold.slicing.write import write_slice
from scaffold.weights.prove import prove
from scaffold_validators.outcome import Outcome
from scaffold_validators.stages.stage import Gate
from scaffold_validators.stages.table import SLICE_STAGE
from scaffold_validators.verdict import Verdict

SHARE_OF_MEMORY = 0.85
"""Of what is free: the machine does other things, too."""


@dataclass(frozen=True)
class Slice:
    """A slice that was written.

    Attributes:
        path: its directory.
        layers: how many it has.
        of: how many the checkpoint has.
        proved: whether its spec was read, and its weight rules proved; where the source is not understood they are not.
    """

    path: Path
    layers: int
    of: int
    proved: bool

    @property
    def what(self) -> str:
        """Return what it is, for a verdict."""
        return f"the first {self.layers} of {self.of} layers"


def of_slice(verdict: Verdict, made: Slice) -> Verdict:
    """Return a verdict on a slice, which says how much of the checkpoint it is on."""
    unproved = "" if made.proved else ", whose kinds were told by names, shapes and config alone"
    return replace(
        verdict,
        reason=f"{made.what}{unproved}: {verdict.reason}",
        numbers={**verdict.numbers, "slice_layers": made.layers, "layers": made.of},
    )


def without_slice(gate: Gate, why: str) -> Verdict:
    """Return the verdict of a slice that cannot be made: there is nothing to compare with."""
    return Verdict(
        stage=SLICE_STAGE.name,
        outcome=Outcome.NO_REFERENCE,
        reason=f"no slice: {why}",
        device=gate.plan.engine.device,
        command="",
        versions=gate.plan.engine.versions,
        digests=gate.digests,
        seconds={},
        log="",
    )


def present_means(seconds: float) -> Means:
    """Return what a reference may use on this machine now."""
    return Means(int(psutil.virtual_memory().available * SHARE_OF_MEMORY), os.cpu_count() or 1, seconds)


def fits_whole(checkpoint: Checkpoint, means: Means) -> bool:
    """Return whether the reference of a whole checkpoint has the means for it."""
    return cost_of(checkpoint, means.cores).fits(means)


def make_slice(
    checkpoint: Checkpoint, wanted: int | None, means: Means, destination: Path, transformers: Path | None
) -> Slice:
    """Write a slice, checked: its layers are of the same kinds as those of the whole, and its weights are proved.

    Args:
        checkpoint: the whole.
        wanted: how many layers; None for as many as fit.
        means: what its reference may use.
        destination: a directory of its own.
        transformers: the target's package directory, where the modeling source may lie.

    Raises:
        CheckFailed: it cannot be sliced, or not even a slice with all kinds of layers fits.
        UsageError: fewer or more layers are wanted than there can be.
    """
    reading = read_model_of(checkpoint, transformers)
    layers = layers_of(checkpoint, reading.spec.decoder)
    count = _count(checkpoint, layers, wanted, means)
    cut = slice_of(checkpoint, layers, count)
    proved = _check(reading, cut, transformers)
    write_slice(checkpoint, cut, destination)
    return Slice(destination, count, layers.count, proved)


def _count(checkpoint: Checkpoint, layers: Layers, wanted: int | None, means: Means) -> int:
    if wanted is not None:
        if not layers.least <= wanted <= layers.count:
            raise UsageError(
                f"a slice of {wanted} layers",
                where="--slice",
                expected=f"{layers.least} to {layers.count}: with fewer, a kind of layer is left out",
                remedy=f"name a number from {layers.least} on",
            )
        return wanted
    count = largest_fitting(checkpoint, layers, means)
    if count == 0:
        least = cost_of(slice_of(checkpoint, layers, layers.least), means.cores)
        raise CheckFailed(
            f"the reference of the first {layers.least} layers takes about {least.memory / 2**30:.0f} GiB and "
            f"{least.seconds:.0f} s, where {means.memory / 2**30:.0f} GiB and {means.seconds:.0f} s are there",
            where=str(checkpoint.path),
            expected="means for a slice that has every kind of layer",
            remedy="give it more time (--reference-seconds), or run it where there is more memory",
        )
    return count


def _check(whole: Reading, cut: Checkpoint, transformers: Path | None) -> bool:
    """Check the slice's layers and weights; return whether there was anything to check them by.

    Raises:
        CheckFailed: its layers are not what they are in the whole, or its weights do not fit them.
    """
    decoder = whole.spec.decoder
    if decoder is None:
        return False
    again = read_model_of(cut, transformers)
    sliced = again.spec.decoder
    if sliced is None:
        raise _wrong(cut, f"holes that the whole does not have: {'; '.join(h.what for h in again.spec.holes[:3])}")
    count = len(sliced.layers)
    if _alike(sliced.layers) != _alike(decoder.layers[:count]):
        raise _wrong(cut, f"other kinds of layers among the first {count} than in the whole")
    proof = prove(weight_map_of(sliced, cut, again.source), tensors_of(cut, sliced), (1,))
    if not proof.holds:
        raise _wrong(cut, f"weights that do not fit: {proof.findings[0]}")
    return True


def _alike(layers: Sequence[object]) -> list[int]:
    """Return for each layer the number of the first that is equal to it."""
    return [next(first for first, other in enumerate(layers) if other == layer) for layer in layers]


def _wrong(cut: Checkpoint, found: str) -> CheckFailed:
    return CheckFailed(
        found,
        where=f"a slice of {cut.path}",
        expected="layers that are what they are in the whole checkpoint",
        remedy="run stage parity on the whole, and report this config: something in it counts layers in a way that is "
        "not known",
    )
