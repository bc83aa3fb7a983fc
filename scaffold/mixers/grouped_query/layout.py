"""Reads in which layers projections of q, k and v lie, in which order, and which of them have biases."""

from __future__ import annotations

import numpy as np

from scaffold.mixers.grouped_query.spec import GateSpec, ProjectionSpec
from scaffold.probing.blocks import definition, name_in
from scaffold.probing.heads import Path
from scaffold.probing.projections import Selection, is_plain, output_of, packing
from scaffold.probing.values import has_bias
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.layers import Conv1D


def projection_of(event: Event, paths: tuple[Path, ...], gated: bool) -> ProjectionSpec:
    """Return where q, k and v come from; ``gated`` if the layer of q gives a gate with it, and nothing else.

    Raises:
        NotUnderstood: they lie in no known way.
    """
    selections = [path.selection for path in paths]
    plain = all(map(is_plain, selections[1:] if gated else selections))
    modules = [s.linear for s in selections]
    transposed = {isinstance(m.module, Conv1D) for m in modules}
    if len(transposed) != 1:
        raise NotUnderstood("projections of q, k and v of different kinds", event.where)
    of_q, of_k, of_v = (id(m.module) for m in modules)
    is_shared = of_k == of_v and np.array_equal(selections[1].columns, selections[2].columns)
    if of_q not in (of_k, of_v) and (of_k != of_v or is_shared) and plain:
        return ProjectionSpec(tuple(name_in(event, m) for m in modules), transposed=transposed.pop())
    if of_k == of_v != of_q and is_plain(selections[0]) and transposed == {False}:
        found = packing([s.columns for s in selections[1:]], output_of(modules[1]).shape[1])
        if found is not None and found.counts[0] == found.counts[1]:
            names = tuple(name_in(event, m) for m in modules)
            groups = _in_words(found.groups, selections)
            return ProjectionSpec(names, kv_groups=groups, kv_order=found.order)
    if len({id(m.module) for m in modules}) == 1:
        found = packing([s.columns for s in selections], output_of(modules[0]).shape[1])
        if found is not None:
            name = (name_in(event, modules[0]),)
            return ProjectionSpec(name, _in_words(found.groups, selections), transposed.pop(), found.order)
    for one in modules:
        own = {int(column) for s in selections if s.linear is one for column in s.columns.ravel()}
        if not gated and len(own) < output_of(one).shape[1]:
            what = (
                f"{name_in(event, one)}, which gives more than q, k and v, such as what an MLP beside them begins with"
            )
            raise NotUnderstood(what, definition(event))
    raise NotUnderstood("a layout of q, k and v in their projections", definition(event))


def unbiased_of(
    event: Event, linears: list[Event], projection: ProjectionSpec, gate: GateSpec | None
) -> tuple[int, ...]:
    """Return those of q, k and v that have no bias where others have one: zeros stand for it in the parameter of all.

    Raises:
        NotUnderstood: they are not three layers side by side, each of which has one output per entry of its heads.
    """
    found = tuple(i for i, linear in enumerate(linears) if not has_bias(linear))
    if len(found) in (0, len(linears)):
        return ()
    parents, ends = zip(*(name.rpartition(".")[::2] for name in (*projection.names, "")[: len(linears)]))
    with_q = gate is not None and gate.with_q
    if projection.packed or len(set(ends)) < len(ends) or len(set(parents)) > 1 or with_q:
        raise NotUnderstood("a bias on some of the projections only", linears[0].where)
    return found


def _in_words(groups: int, selections: list[Selection]) -> int | str:
    """Return a number of groups as the word of the heads that there are as many of, 1 and other numbers as they are."""
    words = {len(selections[1].columns): "num_kv_heads", len(selections[0].columns): "num_heads"}
    return words.get(groups, groups) if groups > 1 else 1
