"""Normalisations: which of the canonical forms a module of the source computes."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np

from scaffold.probing.numbers import stated
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
    tensors = {name: v for name, v in _tensors(event).items() if v.ndim}
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
    if not all(one.ndim == 1 or _is_epsilon(one) for one in _tensors(event).values()):
        return False
    return bool(_own_epsilons(event)) or "norm" in event.name.lower()


def _tensors(event: Event) -> dict[str, Tensor]:
    assert event.module is not None
    return {name: value for name, value in event.module.attributes.items() if isinstance(value, Tensor)}


def _own_epsilons(event: Event) -> list[Any]:
    """Return the epsilons that a module keeps, as numbers or as tensors of one."""
    assert event.module is not None
    numbers = [value for value in event.module.attributes.values() if isinstance(value, float) and 0 < value < 1e-2]
    return [*numbers, *(one.a for one in _tensors(event).values() if _is_epsilon(one))]


def _is_epsilon(tensor: Tensor) -> bool:
    return not tensor.ndim and tensor.role != "parameter" and bool(0 < tensor.a < 1e-2)


def _epsilons(event: Event) -> list[Any]:
    return [*_own_epsilons(event), *USUAL_EPSILONS]


def _epsilon_value(probe: Probe, eps: Any) -> Value:
    if isinstance(eps, np.ndarray):  # which has lost where it is from
        found = (value for seen, value in stated(probe, "eps") if seen == float(eps))
        return next(found, Value(float(eps)))
    key = key_of(eps)
    return Value(float(probe.completed[key]), key) if key and key in probe.completed else Value(float(eps))


def _definition(event: Event) -> str:
    cls = event.module.cls if event.module else None
    return cls.file.lines(cls.node) if cls else event.where
