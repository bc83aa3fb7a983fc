"""What a checkpoint's model is: from its modeling source, or, of the plain families, from names, shapes and config."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scaffold.checkpoint.read import Checkpoint
from scaffold.common.errors import ScaffoldError
from scaffold.mapping.of_checkpoint import tensors_of, weight_map_of
from scaffold.reading.from_source import NO_SOURCE, read_decoder, read_from_source
from scaffold.reading.plain.evidence import about_plain, plain_facts
from scaffold.reading.plain.family import Family, completed, families, family_of, problems
from scaffold.reading.plain.kinds import all_layers, one_of_each
from scaffold.source.locate import ModelingSource
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.model import ModelSpec
from scaffold.spec.parts import TextDecoder
from scaffold.spec.values import Hole
from scaffold.weights.findings import Finding
from scaffold.weights.prove import prove
from scaffold.weights.quantisation import quantisation_of


def read_model(checkpoint: Checkpoint, source: ModelingSource | None) -> ModelSpec:
    """Read what the model is. What the evidence does not determine is a hole in the result, never a guess.

    Without source only the plain families are read, and only if the config has no key that they do not know and
    every tensor has the name and shape that the family gives it.
    """
    spec = read_from_source(checkpoint, source)
    if source is not None:
        return spec
    family = family_of(checkpoint)
    if family is None:
        known = ", ".join(one.name for one in families().values())
        hole = Hole("model", f"{NO_SOURCE}, but for {known}", spec.holes[0].evidence)
        return replace(spec, text=TextDecoder(holes=(hole,)))
    found = _read(family, checkpoint)
    if not isinstance(found, DecoderSpec):
        return replace(spec, text=TextDecoder(holes=found))
    text = TextDecoder(decoder=found, facts=tuple(plain_facts(family, found)))
    return replace(spec, config_class=family.config_class, about=tuple(about_plain(family, checkpoint)), text=text)


def _read(family: Family, checkpoint: Checkpoint) -> DecoderSpec | tuple[Hole, ...]:
    """Return the decoder of a checkpoint of a plain family, or what keeps it from being plain."""
    holes = tuple(problems(family, checkpoint.config))
    if holes:
        return holes
    try:
        config = completed(family, checkpoint.config)
        small = read_decoder(family.source(), replace(checkpoint, text_config=one_of_each(config)))
        decoder = all_layers(small, config)
        quantisation_of(checkpoint.config, checkpoint.tensors)  # an unknown one is a hole
        proof = prove(weight_map_of(decoder, checkpoint, None), tensors_of(checkpoint, decoder))
    except NotUnderstood as error:
        return (
            Hole("model", f"no modeling source, and read as a plain {family.name} it has {error.what}", error.where),
        )
    except ScaffoldError as error:
        return (Hole("model", f"no modeling source, and {error.found}", error.where),)
    return decoder if proof.holds else tuple(_misfits(family, proof.findings))


def _misfits(family: Family, findings: tuple[Finding, ...]) -> Iterator[Hole]:
    for finding in findings:
        more = f" and {len(finding.tensors) - 1} more" if len(finding.tensors) > 1 else ""
        shown = f"{finding.tensors[0]}{more}" if finding.tensors else finding.rule
        yield Hole("model", f"no modeling source, and not the tensors of a plain {family.name}: {finding.says}", shown)
