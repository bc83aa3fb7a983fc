"""Normalisations: which of the canonical forms a module of the source computes."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from scaffold.probing.numeric import same
from scaffold.probing.probe import Probe
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.tensors import Tensor, plain
from scaffold.source.transformers.config_values import key_of
from scaffold.spec.norm_forms import NORM_FORMS
from scaffold.spec.norms import NormSpec
from scaffold.spec.values import Value

USUAL_EPSILONS = (1e-5, 1e-6, 1e-12, 2.0**-23)
"""What sources write into a call instead of keeping it in the module, and PyTorch's of a norm that is told none."""


def identify(probe: Probe, event: Event) -> NormSpec:
    """Return the form that a call of a norm module computed.

    Raises:
        NotUnderstood: it is not one of the forms.
    """
    if event.module is None or not event.tensors():
        raise NotUnderstood("a normalisation without a module or an input", event.where)
    x, out = event.tensors()[0].a, event.result().a
    tensors = {name: v for name, v in event.module.attributes.items() if isinstance(v, Tensor)}
    for form in NORM_FORMS:
        if form.has_weight + form.has_bias != len(tensors):
            continue
        for names in permutations(tensors):
            of_weight, of_bias = (*names, "weight")[0], (*names, "bias", "bias")[1]
            weight, bias = (plain(tensors.get(name)) for name in (of_weight, of_bias))
            for eps in _epsilons(event):
                if same(out, form.compute(x, weight, bias, float(eps))):
                    return NormSpec(form.name, _epsilon_value(probe, eps), of_weight, of_bias, _definition(event))
    raise NotUnderstood(f"a normalisation {event.name} of no known form", _definition(event))


def looks_like_norm(event: Event) -> bool:
    """Return whether a module could be a norm: it keeps the shape, has vectors for parameters only, and a norm's name.

    A module with an epsilon is one whatever it is called.
    """
    module = event.module
    if module is None or event.inside or len(event.tensors()) != 1 or not isinstance(event.output, Tensor):
        return False
    if event.tensors()[0].shape != event.result().shape:
        return False
    tensors = [v for v in module.attributes.values() if isinstance(v, Tensor)]
    return all(t.ndim == 1 for t in tensors) and (bool(_own_epsilons(event)) or "norm" in event.name.lower())


def _own_epsilons(event: Event) -> list[Any]:
    assert event.module is not None
    return [value for value in event.module.attributes.values() if isinstance(value, float) and 0 < value < 1e-2]


def _epsilons(event: Event) -> list[Any]:
    return [*_own_epsilons(event), *USUAL_EPSILONS]


def _epsilon_value(probe: Probe, eps: Any) -> Value:
    key = key_of(eps)
    return Value(float(probe.completed[key]), key) if key and key in probe.completed else Value(float(eps))


def _definition(event: Event) -> str:
    cls = event.module.cls if event.module else None
    return cls.file.lines(cls.node) if cls else event.where
