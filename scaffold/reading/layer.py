"""Reads one decoder layer: which of its calls is a norm, attention or feed-forward block, and how values flow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product
from typing import Any

from scaffold.feed_forwards import table as feed_forwards
from scaffold.feed_forwards.protocol import Call
from scaffold.mixers import table as mixers
from scaffold.probing import norms
from scaffold.probing.again import CAPACITY, has_capacity, mixes_tokens
from scaffold.probing.blocks import Block, definition, name_in
from scaffold.probing.numeric import same
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.probing.projections import is_linear
from scaffold.reading import scales, wiring
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.layers import Activation, Identity
from scaffold.source.torch.operations import Operation
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.spec.layers import BlockSpec, FeedForwardSpec, LayerSpec, MixerSpec, ScaleSpec, Step, Sum
from scaffold.spec.norms import NormSpec


@dataclass(frozen=True)
class _Parts:
    """What the children of a layer were read as, in the order of their calls."""

    mixers: list[Block[MixerSpec]]
    feed_forwards: list[FeedForwardSpec]
    norms: list[tuple[str, NormSpec]]
    flows: list[wiring.Flow]
    scales: list[ScaleSpec]


def read(probe: Probe, event: Event) -> LayerSpec:
    """Read the layer whose call is ``event``.

    Raises:
        NotUnderstood: a part of it is of no known form.
    """
    parts = _joined(_parts_of(probe, event))
    if not parts.mixers or not parts.feed_forwards:
        what = f"{len(parts.mixers)} attention and {len(parts.feed_forwards)} feed-forward blocks in one layer"
        raise NotUnderstood(what, definition(event))
    feed_forward, *beside = sorted(parts.feed_forwards, key=_chooses_experts, reverse=True)
    if any(map(_chooses_experts, beside)):
        raise NotUnderstood("two blocks of experts in one layer", definition(event))
    _check_once("attention blocks", [block.spec.name for block in parts.mixers], event)
    _check_once("dense feed-forward blocks", [block.name for block in parts.feed_forwards], event)
    _check_once("norms", [name for name, _ in parts.norms], event)
    solved, steps, output, scalar = _solved(probe, event, parts.mixers, parts.flows)
    mixer, *more = (block.spec for block in solved)
    _check_alike("attention", [mixer, *more], event)
    _check_alike("dense feed-forward", beside, event)
    return LayerSpec(
        *(mixer, feed_forward, tuple(parts.norms), steps, output, scalar, next(iter(beside), None)),
        scales=tuple(dict.fromkeys(parts.scales)),
        more_mixers=tuple(more),
        more_beside=tuple(beside[1:]),
        listed=tuple(dict.fromkeys(row for block in solved for row in block.listed)),
        source=definition(event),
    )


def _check_once(what: str, names: Sequence[str], event: Event) -> None:
    """Check that a layer runs each of its blocks and norms once.

    Raises:
        NotUnderstood: it runs one again, which an adapter would have two of, and whose values have one name.
    """
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            raise NotUnderstood(f"{what} that a layer runs more than once: {name}", definition(event))


def _check_alike(what: str, specs: Sequence[BlockSpec], event: Event) -> None:
    """Check that blocks of a layer differ in nothing but their names.

    Raises:
        NotUnderstood: they do; an adapter has one class for all of them.
    """
    known: list[Any] = list(specs)
    if any(replace(one, name=known[0].name) != known[0] for one in known[1:]):
        names = " and ".join(one.name for one in known)
        raise NotUnderstood(f"{what} blocks of one layer that are not alike: {names}", definition(event))


def _chooses_experts(spec: FeedForwardSpec) -> bool:
    """Return whether tokens choose among a block's parts: of two blocks of a layer, the other lies beside that."""
    return feed_forwards.kind_of(spec).num_experts(spec) > 0


def _solved(
    probe: Probe, event: Event, mixers: Sequence[Block[MixerSpec]], flows: list[wiring.Flow]
) -> tuple[tuple[Block[MixerSpec], ...], tuple[Step, ...], Sum, str]:
    """Return what the mixers are so that the layer adds up, how values flow then, and what multiplies the sum.

    Raises:
        NotUnderstood: it adds up in no way; says what is wrong with the mixers as they were read first.
    """
    x, output = _flat(event.tensors()[0].a), _flat(event.result().a)
    first: NotUnderstood | None = None
    ways = [*product(*((one, *one.others) for one in mixers))]
    for (scalar, number), blocks in product(_scalars(event), ways):
        given = {block.spec.name: block.given for block in blocks}
        seen = [replace(f, given=given.get(f.name, f.given)) for f in flows]
        try:
            return blocks, *wiring.solve(probe, x, seen, output / number, definition(event)), scalar
        except NotUnderstood as error:
            first = first or error
    assert first is not None
    raise first


def _scalars(event: Event) -> Iterator[tuple[str, float]]:
    """Yield what may multiply all that a layer gives: nothing, or a tensor of its own that holds one number."""
    yield "", 1.0
    assert event.module is not None
    for name, value in event.module.attributes.items():
        if isinstance(value, Tensor) and value.role in ("parameter", "buffer") and value.shape == (1,):
            yield name, float(value.a[0])


def _parts_of(probe: Probe, event: Event) -> _Parts:
    found = _Parts([], [], [], [], [])
    steps = list(_steps(probe, event))
    children = [step for step in steps if isinstance(step, Event)]
    own = tuple(e for e in children if is_linear(e))
    listed = _listed(probe, event, children) if own else ()
    for child in steps:
        if isinstance(child, Operation):
            for scaled in scales.in_between(event, [child]):
                _add_scale(found, scaled)
        elif child not in (*own, *listed) and not _does_nothing(child):
            _add(found, probe, event, child)
        elif own and child is own[0]:
            _add_feed_forward(found, probe, Call(event, "", (*own, *listed), listed=bool(listed)))
    return found


def _listed(probe: Probe, event: Event, children: list[Event]) -> tuple[Event, ...]:
    """Return the calls of modules that lie in a list of the layer's own and mix no tokens: experts, beside a router."""
    numbered = [one for one in children if name_in(event, one).rpartition(".")[2].isdigit()]
    return tuple(one for one in numbered if not any(kind.reads(probe, one) for kind in mixers.kinds()))


def _steps(probe: Probe, event: Event) -> Iterator[Event | Operation]:
    """Yield what a layer does; what a module does that only groups a mixer and norms, as if it were not there."""
    for child in event.steps:
        if isinstance(child, Operation):
            yield child
            continue
        parts = [part for part in child.inside if not _does_nothing(part)]
        norm = [norms.looks_like_norm(part) for part in parts]
        mixing = [any(kind.reads(probe, part) for kind in mixers.kinds()) for part in parts]
        if any(norm) and sum(mixing) == 1 and all(a or b for a, b in zip(norm, mixing)):
            yield from child.steps
        else:
            yield child


def _add(found: _Parts, probe: Probe, layer: Event, child: Event) -> None:
    name = name_in(layer, child)
    if norms.looks_like_norm(child):
        _add_norm(found, probe, name, child)
        return
    scaled = scales.is_scale(layer, child)
    if scaled is not None:
        _add_scale(found, scaled)
        return
    scaled = scales.at_end(layer, child)
    kind = next((kind for kind in mixers.kinds() if kind.reads(probe, child)), None)
    if kind is not None:
        block = kind.read(probe, child, name)
        found.mixers.append(block)
        found.flows.append(wiring.Flow(name, block.taken, block.given))
        if scaled is not None and same(scaled.taken, block.given):
            _add_scale(found, scaled)
        return
    last = _last_norm(child)
    given = None if last is None else _flat(last.tensors()[0].a)
    if last is None and scaled is not None:
        given = scaled.taken
    _add_feed_forward(found, probe, Call(child, name, given=given))
    if last is not None:
        _add_norm(found, probe, name_in(layer, last), last)
    elif scaled is not None:
        _add_scale(found, scaled)


def _add_scale(found: _Parts, scaled: scales.Scaled) -> None:
    found.scales.append(scaled.spec)
    found.flows.append(wiring.Flow(scaled.spec.name, scaled.taken, scaled.given, scaled.spec.of_one))


def _add_norm(found: _Parts, probe: Probe, name: str, norm: Event) -> None:
    found.norms.append((name, norms.identify(probe, norm)))
    found.flows.append(wiring.Flow(name, _flat(norm.tensors()[0].a), _flat(norm.result().a)))


def _add_feed_forward(found: _Parts, probe: Probe, call: Call) -> None:
    kind = next((kind for kind in feed_forwards.kinds() if kind.reads(probe, call)), None)
    if kind is None:
        raise NotUnderstood("a block that is of no known kind", definition(call.event))
    try:
        block = kind.read(probe, call)
    except NotUnderstood as error:
        if not call.parts and mixes_tokens(probe, call.event):
            what = f"a block that mixes tokens, and not by softmax attention: {call.name} ({call.event.name})"
            if kind.CHOOSES and has_capacity(probe, call.event):
                what = CAPACITY.format(call.event.name)
            raise NotUnderstood(what, definition(call.event)) from error
        raise
    if kind.CHOOSES and not call.parts and has_capacity(probe, call.event):
        raise NotUnderstood(CAPACITY.format(call.event.name), definition(call.event))
    found.feed_forwards.append(block.spec)
    found.flows.append(wiring.Flow(call.name, block.taken, block.given))


def _joined(found: _Parts) -> _Parts:
    """Take two feed-forward blocks that take the same for one, where a kind knows what they make up.

    What they give is summed here; where the layer sums it otherwise, its flow will have no solution.
    """
    for one, other in permutations(found.feed_forwards) if len(found.feed_forwards) == 2 else ():
        both = feed_forwards.kind_of(one).joined(one, other)
        flow, beside = (next(f for f in found.flows if f.name == spec.name) for spec in (one, other))
        if both is not None and same(flow.taken, beside.taken):
            total = replace(flow, given=flow.given + beside.given)
            flows = [total if f is flow else f for f in found.flows if f is not beside]
            return replace(found, feed_forwards=[both], flows=flows)
    return found


def _last_norm(block: Event) -> Event | None:
    """Return a norm with which a feed-forward block ends: it is the layer's in all but its place."""
    for event in block.inside:
        if norms.looks_like_norm(event) and same(_flat(event.result().a), _flat(block.result().a)):
            return event
    return None


def _does_nothing(event: Event) -> bool:
    """Return whether a call is a dropout or an activation, which the blocks around it account for."""
    if isinstance(event.module, (Identity, Activation)):
        return True
    holds = event.module is not None and any(True for _ in event.module.saved_tensors())
    tensors = event.tensors()
    return not holds and bool(tensors) and isinstance(event.output, Tensor) and same(event.output.a, tensors[0].a)


def _flat(array: Array) -> Array:
    return array.reshape(NUM_TOKENS, -1)
