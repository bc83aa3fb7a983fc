"""The weight rules of routed experts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from scaffold.carried.rules import carried_rules
from scaffold.feed_forwards.experts.spec import ExpertsSpec
from scaffold.feed_forwards.mlp.rules import rules_at
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.transformers.conversions import DiskTensor
from scaffold.weights.disk import Disk, pattern_of
from scaffold.weights.rules import EXPERT, Rule
from scaffold.weights.scope import Scope
from scaffold.weights.targets import EXPERTS, attribute, join
from scaffold.weights.transforms import Flatten


def rules(scope: Scope, spec: ExpertsSpec, hidden: int, disk: Disk) -> Iterator[Rule]:
    """Yield the rules of a block."""
    count, size = int(spec.num_experts.value), int(spec.intermediate_size.value)
    block, router = attribute(spec.name, "mlp"), spec.router
    plain = scope.unscaled()
    gate = join(block, attribute(router.name.split(".")[0]))
    choices = spec.num_choices
    yield plain.whole(join(spec.name, router.name, router.weight_name), choices, hidden, target=f"{gate}.weight")
    if router.bias:
        yield plain.whole(join(spec.name, router.name, "bias"), choices, target=f"{gate}.bias")
    if router.correction_bias:
        source = join(spec.name, router.correction_bias)
        shape = disk.vector(scope, source, choices)
        flatten = (Flatten(),) if len(shape) > 1 else ()
        yield plain.whole(source, *shape, target=f"{gate}.e_score_correction_bias", transforms=flatten)
    if router.carried is not None:
        yield from carried_rules(scope, (router.carried,), spec.name, block)
    stacks = [join(block, EXPERTS, "routed_experts", name) for name in ("w13", "w2")]
    yield from weight_rules(scope, spec, disk, stacks, count, size, hidden)
    if spec.output_bias:
        yield plain.whole(join(spec.name, spec.output_bias), hidden, target=join(block, attribute(spec.output_bias)))
    if spec.shared is not None:
        shared = spec.shared
        path = shared.name if spec.shared_beside else join(spec.name, shared.name)
        yield from rules_at(scope, shared, path, join(block, attribute(shared.name)), hidden)
    if spec.shared_gate is not None:
        ours = join(block, attribute(spec.shared_gate))
        yield plain.whole(f"{join(spec.name, spec.shared_gate)}.weight", 1, hidden, target=f"{ours}.weight")


def weight_rules(
    scope: Scope, spec: ExpertsSpec, disk: Disk, stacks: Sequence[str], count: int, size: int, hidden: int
) -> Iterator[Rule]:
    """Yield the rules of the experts' weights, stacked or one by one.

    ``stacks`` are what the parameters of gate with up, and of down, are called, without ``_weight`` or ``_bias``.

    Raises:
        NotUnderstood: they lie in a way that there is no rule for.
    """
    targets = [f"{stack}_weight" for stack in stacks]
    path = join(spec.name, spec.experts_name)
    up, down = (join(path, name) for name in (spec.up_name, spec.down_name))
    if spec.is_packed:
        yield from scope.packed_experts((up, down), targets, count, size, hidden)
        return
    if spec.is_listed:
        yield from scope.experts((join(path, spec.gate_name), up, down), targets, count, size, hidden)
        return
    if spec.in_rows:
        own = [join(spec.name, EXPERTS, f"{{expert}}.{name}.weight") for name in ("gate_proj", "up_proj", "down_proj")]
        yield from scope.expert_rows((join(path, spec.gate_name), up, down), own, targets, count, size, hidden)
        return
    total = spec.num_choices if spec.longer else count
    shapes = [(total, 2 * size, hidden), (count, hidden, size)]
    if spec.transposed:
        shapes = [(n, b, a) for n, a, b in shapes]
    ups, downs = (disk.written(scope.source + name, shape) for name, shape in zip((up, down), shapes))
    _check_entries(spec, ups)
    if len(ups) == len(downs) == 1 and (spec.alternating or spec.bias):
        yield from _alternating(scope, spec, (up, down), stacks, count, size, hidden)
    elif len(ups) == len(downs) == 1:
        swapped = [_swapped(found, spec.transposed) for found in (ups[0], downs[0])]
        names = [pattern_of(found.name).removeprefix(scope.source) for found in (ups[0], downs[0])]
        yield scope.stacked_gate_up(names[0], targets[0], count, size, hidden, transposed=swapped[0])
        yield scope.stacked_down(names[1], targets[1], count, size, hidden, transposed=swapped[1])
    elif len(ups) == 2 * total and len(downs) == count:
        names = [pattern_of(found.name) for found in (ups[0], ups[total], downs[0])]
        if not all(name.startswith(scope.source) for name in names):  # the list of layers has another name on disk
            scope = replace(scope, source="", target=scope.source if scope.target is None else scope.target)
        own = [_of_first(name, scope) for name in names]
        yield from scope.experts(own, targets, count, size, hidden)
        yield from _of_identities(scope, own[:2], range(count, total), (size, hidden))
    else:
        raise NotUnderstood(f"experts that are saved as {len(ups)} and {len(downs)} tensors", ups[0].name)


def _check_entries(spec: ExpertsSpec, ups: Sequence[DiskTensor]) -> None:
    """Check that no tensor has to be loaded in part.

    Raises:
        NotUnderstood: one has.
    """
    if spec.longer and len(ups) == 1:
        raise NotUnderstood("gate and up of identity experts in one tensor with those of others", ups[0].name)


def _of_identities(scope: Scope, names: Sequence[str], numbers: range, shape: tuple[int, int]) -> Iterator[Rule]:
    """Yield the rules of gate and up of identity experts with tensors of their own."""
    scope = replace(scope, ranges={**scope.ranges, EXPERT: numbers})
    for name in names if numbers else ():
        yield scope.ignored(name, "of an identity expert, which computes nothing", shape)


def _alternating(
    scope: Scope,
    spec: ExpertsSpec,
    names: tuple[str, str],
    stacks: Sequence[str],
    count: int,
    size: int,
    hidden: int,
) -> Iterator[Rule]:
    """Yield the rules of experts whose gate and up alternate, in the one form that there is an idiom for."""
    if not (spec.alternating and spec.bias and spec.transposed):
        raise NotUnderstood("no rule yet for experts that alternate or have biases, but not both", names[0])
    up, down = names
    yield scope.alternating_gate_up(up, f"{stacks[0]}_weight", count, size, hidden)
    yield scope.stacked_down(down, f"{stacks[1]}_weight", count, size, hidden, transposed=True)
    plain = scope.unscaled()
    yield plain.alternating_gate_up(f"{up}_bias", f"{stacks[0]}_bias", count, size)
    yield plain.down_bias(f"{down}_bias", f"{stacks[1]}_bias", count, hidden)


def _swapped(found: DiskTensor, transposed: bool) -> bool:
    kinds = [step.kind for step in found.steps]
    if any(kind != "transpose" for kind in kinds):
        raise NotUnderstood(f"experts that are saved with {', '.join(kinds)}", found.name)
    return transposed ^ (len(kinds) % 2 == 1)


def _of_first(name: str, scope: Scope) -> str:
    return re.sub(r"\.0\.", ".{expert}.", name.removeprefix(scope.source), count=1)
