"""Normalisations."""

from __future__ import annotations

from dataclasses import dataclass, field

from scaffold.spec.values import Value


@dataclass(frozen=True)
class NormSpec:
    """A normalisation: ``form`` is a row of ``NORM_FORMS``; what the source calls its weight and its bias."""

    form: str
    eps: Value
    weight: str = "weight"
    bias: str = "bias"
    source: str = field(default="", compare=False)
