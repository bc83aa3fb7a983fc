"""The weight rules of a norm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scaffold.spec.norm_forms import norm_form
from scaffold.spec.norms import NormSpec
from scaffold.weights.rules import Rule
from scaffold.weights.scope import Scope
from scaffold.weights.targets import attribute, join


def norm_rules(scope: Scope, path: str, norm: NormSpec, size: int, block: str = "") -> Iterator[Rule]:
    """Yield the rules of a norm.

    Args:
        scope: where its block lies.
        path: of the norm.
        norm: what it is.
        size: entries of its weight.
        block: the attribute of the module that holds it.
    """
    scope, target = scope.unscaled(), join(block, attribute(path.removeprefix(f"{block}.")))
    form = norm_form(norm.form)
    if form.has_weight:
        yield scope.whole(f"{path}.{norm.weight}", size, target=f"{target}.weight")
    if form.has_bias:
        yield scope.whole(f"{path}.{norm.bias}", size, target=f"{target}.bias")


def list_rules(scope: Scope, path: str, norm: NormSpec, size: int, count: int, target: str) -> Iterator[Rule]:
    """Yield the rules of a list of norms, all of which every rank holds.

    Args:
        scope: where its block lies.
        path: of the list.
        norm: what each of them is.
        size: entries of a weight.
        count: how many there are.
        target: the attribute of the list.
    """
    scope = replace(scope.unscaled(), ranges={**scope.ranges, "head": range(count)})
    form = norm_form(norm.form)
    for has, name, ours in ((form.has_weight, norm.weight, "weight"), (form.has_bias, norm.bias, "bias")):
        if has:
            yield scope.whole(f"{path}.{{head}}.{name}", size, target=f"{target}.{{head}}.{ours}")
