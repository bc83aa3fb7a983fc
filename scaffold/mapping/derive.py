"""From a decoder's spec to its weight rules."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from scaffold.feed_forwards import table as feed_forwards
from scaffold.idioms.frame import NEWEST, Target
from scaffold.mixers import table as mixers
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.layers import LayerSpec
from scaffold.weights.disk import Disk, of_names
from scaffold.weights.norm_rules import norm_rules
from scaffold.weights.quantisation import Quantisation
from scaffold.weights.rules import REST, Rule, WeightMap
from scaffold.weights.scope import Scope
from scaffold.weights.targets import attribute, flat_attribute, join
from scaffold.weights.transforms import UnitRows


def derive(
    spec: DecoderSpec,
    names: Collection[str],
    quantisation: Quantisation | None = None,
    disk: Disk | None = None,
    target: Target = NEWEST,
) -> WeightMap:
    """Return the rules of a model.

    Args:
        spec: the decoder.
        names: the checkpoint's tensors: they tell which optional ones are there.
        quantisation: of weights that are dequantised while they are loaded.
        disk: from the source's parameters to the tensors of a checkpoint.
        target: the vLLM that the parameters are for.
    """
    base = f"{spec.base_name}." if spec.base_name else ""
    disk = (disk or of_names(names)).of_decoder(base, f"{spec.embedding.name}.weight", spec.layers_name)
    rules = _rules(spec, names, quantisation, disk, target)
    return WeightMap(tuple(disk.rewrite(rule) for rule in rules))


def _rules(
    spec: DecoderSpec, names: Collection[str], quantisation: Quantisation | None, disk: Disk, target: Target
) -> Iterator[Rule]:
    base = f"{spec.base_name}." if spec.base_name else ""
    yield from _outside_of_layers(spec, names, base, disk)
    scale = (quantisation.scale_ending, quantisation.block) if quantisation else None
    found: list[tuple[Rule, list[int]]] = []
    kinds = dict.fromkeys(spec.layers)
    for kind in kinds:
        scope = Scope(
            f"{base}{spec.layers_name}.{{layer}}.",
            f"{base_attribute(spec)}.{attribute(spec.layers_name)}.{{layer}}.",
            ranges={"layer": range(0)},
            scale=scale,
        )
        layers = [i for i, layer in enumerate(spec.layers) if layer == kind]
        for rule in _layer(scope, kind, int(spec.hidden_size.value), target, disk):
            known = next((numbers for other, numbers in found if other == rule), None)
            if known is None:
                found.append((rule, list(layers)))
            else:
                known += layers
    for rule, numbers in found:
        for layer_range in runs(sorted(numbers)):
            yield replace(rule, ranges={**rule.ranges, "layer": layer_range})
    mixing = [mixer for layer in kinds for mixer in layer.mixers]
    tables = {join(mixer.name, name) for mixer in mixing for name in mixers.kind_of(mixer).COMPUTED}
    listed = f"{base}{spec.layers_name}."
    own = {name.removeprefix(f"{listed}{{layer}}.") for name in spec.buffers}
    tables |= {name for name in own if f"{listed}{{layer}}.{name}" in spec.buffers}
    yield from _modules_left_out(spec, names)
    for name in sorted(own & set(spec.buffers)):
        if name in names:
            yield Scope().ignored(name, "a table that the source computes itself", is_computed=True)
    yield from _computed(names, listed, disk.named(listed), range(len(spec.layers)), tables)


def _modules_left_out(spec: DecoderSpec, names: Collection[str]) -> Iterator[Rule]:
    """Yield the rules that leave out whole modules of the source's model."""
    reasons = dict.fromkeys(spec.unused, "the source's model does not use it")
    reasons |= dict.fromkeys(spec.without_effect, "no answer of the source's model depends on it")
    for module, reason in reasons.items():
        if any(name.startswith(f"{module}.") for name in names):
            yield Scope(f"{module}.").ignored(f"{{{REST}}}", reason)


def _outside_of_layers(spec: DecoderSpec, names: Collection[str], base: str, disk: Disk) -> Iterator[Rule]:
    """Yield the rules of embedding, final norm and head."""
    hidden, vocab = int(spec.hidden_size.value), int(spec.vocab_size.value)
    model = Scope(base, f"{base_attribute(spec)}.")
    embedding = spec.embedding
    embed, head = f"{embedding.name}.weight", f"{spec.head_name}.weight"
    yield model.vocabulary(embed, vocab, hidden, target=f"{attribute(embedding.name)}.weight")
    if embedding.positions is not None and embedding.num_positions is not None:
        table, rows = embedding.positions[0], int(embedding.num_positions.value)
        yield model.whole(f"{table}.weight", rows, hidden, target=f"{attribute(table)}.weight")
    for name, norm in (embedding.norm or ("", None), (spec.norm_name, spec.norm)):
        if norm is not None:
            yield from norm_rules(model, name, norm, hidden)
    top = Scope()
    if not spec.tied.value:
        steps = (UnitRows(),) if spec.head_unit_rows else ()
        yield top.vocabulary(head, vocab, hidden, target=f"{attribute(spec.head_name)}.weight", transforms=steps)
    elif disk.named(head) in names:
        yield top.tied(head, base + embed, vocab, hidden)
    if spec.head_bias:
        yield top.vocabulary(f"{spec.head_name}.bias", vocab, target=f"{attribute(spec.head_name)}.bias")


def _computed(
    names: Collection[str], layers: str, place: str, numbers: range, tables: Collection[str]
) -> Iterator[Rule]:
    """Yield the rules that leave out what older checkpoints keep and vLLM computes itself."""
    scope = Scope(f"{layers}{{layer}}.", ranges={"layer": numbers})
    for tail in sorted(tables):
        if any(f"{place}{number}.{tail}" in names for number in numbers):
            yield scope.ignored(tail, "a table that vLLM computes itself", is_computed=True)


def runs(indices: Sequence[int]) -> list[range]:
    """Return ascending numbers as few ranges, each with one step."""
    found: list[range] = []
    rest = list(indices)
    while rest:
        step = rest[1] - rest[0] if len(rest) > 1 else 1
        end = 1
        while end < len(rest) and rest[end] - rest[end - 1] == step:
            end += 1
        found.append(range(rest[0], rest[end - 1] + 1, step))
        rest = rest[end:]
    return found


def base_attribute(spec: DecoderSpec) -> str:
    """Return the attribute under which an adapter keeps the decoder."""
    return spec.base_name if spec.base_name.isidentifier() else "model"


def _layer(scope: Scope, spec: LayerSpec, hidden: int, target: Target, disk: Disk) -> Iterator[Rule]:
    for name, norm in spec.norms:
        yield from norm_rules(scope, name, norm, hidden)
    if spec.scalar:
        yield scope.unscaled().whole(spec.scalar, 1)
    for scale in spec.scales:
        shape = (1 if scale.of_one else hidden,) if scale.has_axis else ()
        yield scope.unscaled().whole(scale.name, *shape, target=flat_attribute(scale.name))
    for mixer in spec.mixers:
        yield from mixers.kind_of(mixer).rules(scope, mixer, hidden, target)
    for block in spec.feed_forwards:
        yield from feed_forwards.kind_of(block).rules(scope, block, hidden, disk)
