"""The weight rules of a checkpoint together with their proof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scaffold.checkpoint.read import Checkpoint
from scaffold.idioms.frame import NEWEST, Target
from scaffold.mapping.of_checkpoint import tensors_of, weight_map_of
from scaffold.source.locate import ModelingSource
from scaffold.spec.decoder import DecoderSpec
from scaffold.weights.findings import Proof
from scaffold.weights.prove import prove
from scaffold.weights.rules import WeightMap


@dataclass(frozen=True)
class Proved:
    """Rules, and what their proof says of a checkpoint: it may fail."""

    weight_map: WeightMap
    proof: Proof
    decoder: DecoderSpec | None = None

    def at(self, checkpoint: Checkpoint, ranks: Sequence[int]) -> Proved:
        """Return the same rules, proved for other tensor-parallel sizes."""
        return Proved(self.weight_map, self._proved(checkpoint, ranks), self.decoder)

    def _proved(self, checkpoint: Checkpoint, ranks: Sequence[int]) -> Proof:
        return prove(self.weight_map, tensors_of(checkpoint, self.decoder), ranks)


def prove_weights(
    decoder: DecoderSpec,
    checkpoint: Checkpoint,
    source: ModelingSource | None,
    ranks: Sequence[int] = (1,),
    target: Target = NEWEST,
) -> Proved:
    """Derive the rules of a checkpoint, and prove them for each tensor-parallel size.

    Raises:
        NotUnderstood: the tensors lie in a way that there is no rule for.
        CheckpointError: the checkpoint is quantised in a way that is not known.
    """
    weight_map = weight_map_of(decoder, checkpoint, source, target)
    return Proved(weight_map, prove(weight_map, tensors_of(checkpoint, decoder), ranks), decoder)
