"""From a checkpoint and its modeling source to the model spec."""

from __future__ import annotations

import gc
from collections.abc import Collection
from dataclasses import fields, is_dataclass, replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from scaffold.checkpoint.purpose import encoder_key
from scaffold.checkpoint.read import Checkpoint
from scaffold.expressions.python import shown
from scaffold.expressions.tree import Expression
from scaffold.mapping.parts import other_parts
from scaffold.probing import probe
from scaffold.probing.made import Outer, make
from scaffold.probing.sizes import pairs
from scaffold.reading import decided, rounding, unreached
from scaffold.reading import decoder as decoders
from scaffold.reading import layer as layers
from scaffold.reading.agreement import agreed, outline
from scaffold.reading.present import decoder_facts, model_facts
from scaffold.reading.remembered import remembered
from scaffold.source.locate import ModelingSource
from scaffold.source.python import untold
from scaffold.source.python.errors import NotUnderstood, RefusedBySource
from scaffold.source.torch.budget import attempt, one_reading
from scaffold.source.torch.torch_ops import NoSuchShape
from scaffold.source.transformers import release
from scaffold.source.transformers.decided import At
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.model import ModelSpec
from scaffold.spec.parts import TextDecoder
from scaffold.spec.values import Hole, Value

Shapes = frozenset[tuple[str, tuple[int, ...]]]
"""Names and shapes of tensors."""
NO_SOURCE = "no modeling source: names and shapes alone do not tell how the model computes"
RELEASE_KEY = "transformers_version"
WITH_ENCODER = "a decoder that attends to an encoder of the same model (cross attention)"
TWO_BODIES = (
    "source that computes one thing under early releases of transformers and another under later ones: which of them "
    "is meant is not known, as config.json states no transformers_version"
)
UNTOLD = (
    "a condition at the top level of the source that is not understood, and without which what it computes is not known"
)
TWO_MEANINGS = "a number that two probes explain in different ways, so that it is not known what it stands for"


def read_from_source(checkpoint: Checkpoint, source: ModelingSource | None) -> ModelSpec:
    """Read what the model is. What the evidence does not determine is a hole in the result, never a guess."""
    decoder, holes = None, []
    encoder = encoder_key(checkpoint.config, checkpoint.text_key)
    if encoder:
        holes.append(Hole("model", WITH_ENCODER, f"config.json, {encoder}"))
    elif source is None:
        holes.append(Hole("model", NO_SOURCE, f"architectures: {checkpoint.architecture}"))
    else:
        try:
            decoder = read_decoder(source, checkpoint)
        except NotUnderstood as error:
            holes.append(Hole("model", error.what, error.where))
    known = () if decoder is None else tuple(decoder_facts(decoder))
    return ModelSpec(
        architecture=checkpoint.architecture,
        model_type=checkpoint.model_type,
        source_class=source.class_name if source else None,
        config_class=source.config_class if source else None,
        modalities=("text", "image") if checkpoint.is_multimodal else ("text",),
        about=tuple(model_facts(checkpoint, source)),
        text=TextDecoder(decoder=decoder, facts=known, holes=tuple(holes)),
        others=other_parts(checkpoint),
    )


def read_decoder(source: ModelingSource, checkpoint: Checkpoint) -> DecoderSpec:
    """Read the decoder in two probes of different sizes, which have to say the same.

    A number of one probe may equal an expression of the config by chance; of two probes it does not.

    Raises:
        NotUnderstood: part of it is of no known form, or the probes differ.
    """
    return remembered(_under_a_release, source, checkpoint)


def _under_a_release(source: ModelingSource, checkpoint: Checkpoint) -> DecoderSpec:
    """Read the decoder as under the release of transformers that the config states, and as all else may come out.

    Raises:
        NotUnderstood: as `read_decoder`; or none is stated, and the source chooses what it computes by it, or by
            a condition at its top level that is not understood.
    """
    stated = _stated_release(checkpoint)
    releases = (stated,) if stated else release.RELEASES
    with release.under(releases[0]) as first, untold.answered(False) as told:
        found = _run_and_read(source, checkpoint)
    asked = releases if first.asked else releases[:1]
    answers = (False, True) if told.where else (False,)
    for number, answer in [*product(asked, answers)][1:]:
        with release.under(number), untold.answered(answer):
            other = _run_and_read(source, checkpoint)
        left_out = dict.fromkeys((*found.unused, *other.unused))  # which modules no text goes through changes no answer
        found, other = (replace(one, unused=tuple(left_out)) for one in (found, other))
        if other != found:
            what, where = (UNTOLD, told.where) if told.where else (TWO_BODIES, source.file.shown)
            raise NotUnderstood(what, f"{where}, {difference(found, other)}")
    return replace(found, release=stated) if stated and first.asked else found


def _stated_release(checkpoint: Checkpoint) -> str:
    """Return the release of transformers that a checkpoint was saved by; empty where it does not say so."""
    stated = checkpoint.text_config.get(RELEASE_KEY) or checkpoint.config.get(RELEASE_KEY)
    return stated if isinstance(stated, str) else ""


@one_reading()
def _run_and_read(source: ModelingSource, checkpoint: Checkpoint) -> DecoderSpec:
    probes = _run(source, checkpoint)
    choices = decided.otherwise(probes)
    probes[1] = replace(probes[1], switches=probes[0].switches)  # a switch does the same at all sizes
    where = ""
    for literals_first in (True, False):
        first, second = (_read(replace(one, literals_first=literals_first)) for one in probes)
        found: DecoderSpec | None = agreed(first, second, (probes[0].small.attributes, probes[1].small.attributes))
        if found is not None:
            unreached.check(probes[0])
            rounding.check(probes[0])
            if choices:
                decided.check(probes[0], first, choices, partial(_read_again, source, checkpoint, literals_first))
            for one in probes:
                unreached.check_steps(one)
            return found
        where = where or difference(first, second)
    raise NotUnderstood(TWO_MEANINGS, where)


def _read_again(
    source: ModelingSource, checkpoint: Checkpoint, literals_first: bool, sizes: int, as_stated: Collection[At]
) -> tuple[probe.Probe, DecoderSpec]:
    """Return another probe and what it says: choices at these places are as the checkpoint's own sizes decide them."""
    one = probe.run(source, checkpoint.text_config, sizes, _outer(checkpoint), as_stated=as_stated)
    return one, _read(replace(one, literals_first=literals_first))


def _run(source: ModelingSource, checkpoint: Checkpoint) -> list[probe.Probe]:
    """Run two probes, at the first sizes that the source's own literals and checks allow.

    Raises:
        NotUnderstood: the source does something that the interpreter does not: at the usual sizes, if at none.
    """
    config, outer = checkpoint.text_config, _outer(checkpoint)
    refused: NoSuchShape | RefusedBySource | None = None
    for pair in pairs(config):
        first, second = 2 * pair, 2 * pair + 1
        if refused is not None:
            gc.collect()  # what did not fit: modules and the record of their calls hold each other
        try:
            with attempt():
                return [
                    probe.run(source, config, first, outer, layers.read),
                    probe.run(source, config, second, outer),
                ]
        except (NoSuchShape, RefusedBySource) as error:
            refused = refused or type(error)(error.what, error.where)  # the error itself keeps what was made
        except NotUnderstood:
            if refused is None:
                raise
    assert refused is not None
    raise NotUnderstood(refused.what, refused.where) from refused


def outlines(source: ModelingSource, checkpoint: Checkpoint) -> list[Any]:
    """Return what the decoder's spec can look like (``outline``): half a reading, and enough to tell most apart.

    The outline of what ``read_decoder`` reads is among them; there is more than one where it depends on whether a
    round number is a literal.

    Raises:
        NotUnderstood: part of it is of no known form at the usual sizes.
    """
    return remembered(_run_and_outline, source, checkpoint)


@one_reading()
def _run_and_outline(source: ModelingSource, checkpoint: Checkpoint) -> list[Any]:
    config = checkpoint.text_config
    one = probe.run(source, config, 2 * pairs(config)[0], _outer(checkpoint))
    found = [outline(_read(one))]
    return [*found, outline(_read(replace(one, literals_first=False)))] if one.round_numbers else found


def parameters(source: ModelingSource, checkpoint: Checkpoint) -> Shapes:
    """Return names and shapes of the tensors that the source's model saves, at the sizes of a probe. It is not run.

    Raises:
        NotUnderstood: the source does something that the interpreter does not.
    """
    return remembered(_make_and_read, source, checkpoint)


def _make_and_read(source: ModelingSource, checkpoint: Checkpoint) -> Shapes:
    return small_model(source, checkpoint)[1]


def small_model(source: ModelingSource, checkpoint: Checkpoint) -> tuple[dict[str, Any], Shapes]:
    """Return the config of a probe, as its class completes it, and the tensors that the model made of it saves.

    Raises:
        NotUnderstood: as `parameters`.
    """
    with release.under(_stated_release(checkpoint) or release.RELEASES[0]):
        made = make(source, checkpoint.text_config, 0, _outer(checkpoint))
    shapes = frozenset((name, tuple(map(int, tensor.shape))) for name, tensor in made.model.saved_tensors())
    return dict(made.small.attributes), shapes


def _outer(checkpoint: Checkpoint) -> Outer | None:
    return Outer(checkpoint.config, checkpoint.text_key) if checkpoint.text_key else None


def _read(one: probe.Probe) -> DecoderSpec:
    """Read a probe; numbers of an odd source that fit no form at all are a hole as well."""
    try:
        with np.errstate(all="ignore"):
            return decoders.read(one)
    except (
        ArithmeticError,
        IndexError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        np.linalg.LinAlgError,
    ) as error:
        raise NotUnderstood(
            f"values of no known form ({type(error).__name__}: {error})", one.source.file.shown
        ) from error


def difference(first: object, second: object, path: str = "") -> str:
    """Return the path of the first field in which two specs differ, and both values."""
    if isinstance(first, tuple) and isinstance(second, tuple) and len(first) == len(second):
        pairs = [(f"{path}[{i}]", a, b) for i, (a, b) in enumerate(zip(first, second))]
    elif is_dataclass(first) and type(first) is type(second) and not isinstance(first, (Value, Expression)):
        names = [field.name for field in fields(first) if field.compare]
        pairs = [(f"{path}.{name}".strip("."), getattr(first, name), getattr(second, name)) for name in names]
    else:
        return f"{path}: {_shown(first)} or {_shown(second)}"
    return next((difference(a, b, where) for where, a, b in pairs if a != b), path)


def _shown(value: object) -> str:
    tree = value.tree if isinstance(value, Value) else value
    return shown(tree) if isinstance(tree, Expression) else str(value)[:80]
