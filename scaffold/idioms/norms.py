"""What an adapter writes for a norm, by its row of ``NORM_FORMS``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from scaffold.spec.norm_forms import norm_form
from scaffold.spec.norms import NormSpec


def norm_call(norm: NormSpec, size: str, prefix: str) -> str:
    """Return how an adapter makes a norm; ``prefix`` is that of its classes."""
    return norm_form(norm.form).layer.format(size=size, eps=norm.eps.code, prefix=prefix)


def adds_residual(norm: NormSpec) -> bool:
    """Return whether the layer of a norm adds the residual itself."""
    return norm_form(norm.form).adds_residual


def own_classes(spec: Any, prefix: str) -> list[str]:
    """Return the classes that an adapter brings for the norms of a spec, those inside of blocks too, each once."""
    texts = (norm_form(norm.form).own_class.format(prefix=prefix) for norm in _norms(spec))
    return [text for text in dict.fromkeys(texts) if text]


def _norms(spec: Any) -> Iterator[NormSpec]:
    if isinstance(spec, NormSpec):
        yield spec
    elif isinstance(spec, tuple):
        for one in spec:
            yield from _norms(one)
    elif is_dataclass(spec):
        for field in fields(spec):
            yield from _norms(getattr(spec, field.name))
