"""Normalisations."""

from __future__ import annotations

from dataclasses import dataclass, field

from scaffold.spec.values import Value


@dataclass(frozen=True)
class NormSpec:
    """A normalisation: ``form`` is a row of ``NORM_FORMS``."""

    form: str
    eps: Value
    source: str = field(default="", compare=False)
