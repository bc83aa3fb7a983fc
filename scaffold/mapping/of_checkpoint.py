"""The weight rules of a checkpoint: from its model's spec, and from what its files are named."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from scaffold.checkpoint.headers import TensorHeader
from scaffold.checkpoint.quantization import modelslim_files
from scaffold.checkpoint.read import Checkpoint
from scaffold.idioms.frame import NEWEST, Target
from scaffold.mapping.derive import derive
from scaffold.mapping.parts import other_parts, part_rules
from scaffold.source.locate import ModelingSource
from scaffold.spec.decoder import DecoderSpec
from scaffold.weights.disk import disk_of
from scaffold.weights.packed import unpacked
from scaffold.weights.quantisation import INPUT_ENDINGS, KEY, OF_THE_CACHE, is_dequantised, quantisation_of
from scaffold.weights.rules import Rule, WeightMap


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
    tensors = tensors_of(checkpoint, spec)
    shapes = {name: header.shape for name, header in tensors.items()}
    known = is_dequantised(checkpoint.config)
    quantisation = quantisation_of(checkpoint.config, checkpoint.tensors) if known else None
    text = derive(spec, tensors, quantisation, disk_of(shapes, checkpoint.model_type, source), target)
    scales = _cache_scales(text.rules, tensors) if checkpoint.config.get(KEY) else ()
    inputs = (*_input_scales(text.rules, tensors), *scales)
    left_out = tuple(rule.beginning for rule in text.rules if rule.beginning)
    parts = [part for part in other_parts(checkpoint) if not f"{part.name}.".startswith(left_out)]
    return WeightMap((*text.rules, *inputs, *part_rules(parts)))


def tensors_of(checkpoint: Checkpoint, spec: DecoderSpec | None) -> Mapping[str, TensorHeader]:
    """Return the tensors that the rules of a checkpoint with a decoder are about.

    Where the layers lie in one list with other modules, tensors have the names that `Listed` gives them. Those of
    a quantisation whose weights are not dequantised while they are loaded count as the weights that they hold.
    """
    is_packed = not is_dequantised(checkpoint.config) or modelslim_files(checkpoint.path)
    tensors = unpacked(checkpoint.tensors) if is_packed else checkpoint.tensors
    if spec is None or spec.listed is None:
        return tensors
    renamed = (replace(header, name=spec.listed.renamed(name)) for name, header in tensors.items())
    return {header.name: header for header in renamed}


def _input_scales(rules: Iterable[Rule], names: Collection[str]) -> Iterator[Rule]:
    """Yield the rules that leave out the fixed scales of inputs, which are not quantised where weights are not."""
    text = "\n".join((*names, ""))  # searched at once: there are a hundred thousand names
    endings = [one for one in INPUT_ENDINGS if f".{one}\n" in text]
    for rule in rules if endings else ():
        for ending in endings if rule.scale is not None else ():
            source = rule.source.removesuffix("weight") + ending
            if any(name in names for name in rule.expanded(source)):
                reason = "the scale of a quantised input: weights are dequantised, and inputs stay as they are"
                yield Rule(source, "", None, ranges=rule.ranges, reason=reason, required=False, is_computed=True)


def _cache_scales(rules: Sequence[Rule], names: Collection[str]) -> Iterator[Rule]:
    """Yield the rules that leave out the scales of a KV cache of eight bits that lie beside an attention's projections.

    vLLM gives them to its own attention layer (``QuantizationConfig.get_cache_scale_mapper``).
    """
    text = "\n".join((*names, ""))
    endings = [one for one in OF_THE_CACHE if f".{one}\n" in text]
    places = {rule.source.rsplit(".", 2)[0]: rule for rule in rules if endings and rule.source.endswith("_proj.weight")}
    taken = {rule.source for rule in rules}
    for place, rule in places.items():
        for ending in endings:
            source = f"{place}.{ending}"
            if source not in taken and any(name in names for name in rule.expanded(source)):
                reason = "a scale of a KV cache of eight bits, which belongs to vLLM's own attention layer"
                yield Rule(source, "", None, ranges=rule.ranges, reason=reason, required=False, is_computed=True)
