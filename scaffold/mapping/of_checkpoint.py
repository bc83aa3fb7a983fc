"""The weight rules of a checkpoint: from its model's spec, and from what its files are named."""

from __future__ import annotations

from scaffold.checkpoint.read import Checkpoint
from scaffold.idioms.frame import NEWEST, Target
from scaffold.mapping.derive import derive
from scaffold.mapping.parts import other_parts, part_rules
from scaffold.source.locate import ModelingSource
from scaffold.spec.decoder import DecoderSpec
from scaffold.weights.disk import disk_of
from scaffold.weights.quantisation import quantisation_of
from scaffold.weights.rules import WeightMap


def weight_map_of(
    spec: DecoderSpec, checkpoint: Checkpoint, source: ModelingSource | None, target: Target = NEWEST
) -> WeightMap:
    """Return the rules of a checkpoint.

    Args:
        spec: its decoder.
        checkpoint: its config and headers.
        source: the modeling source: transformers saves some parameters in another form than its modules hold.
        target: the vLLM that the parameters are for.

    Raises:
        NotUnderstood: its experts lie in a way that there is no rule for.
        CheckpointError: it is quantised in a way that is not known.
    """
    shapes = {name: header.shape for name, header in checkpoint.tensors.items()}
    quantisation = quantisation_of(checkpoint.config, checkpoint.tensors)
    text = derive(spec, checkpoint.tensors, quantisation, disk_of(shapes, checkpoint.model_type, source), target)
    return WeightMap((*text.rules, *part_rules(other_parts(checkpoint))))
