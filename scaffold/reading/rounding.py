"""Where the source rounds what became of tokens to 16 bits, and the model is of another data type: that is a hole.

Tables of angles that are kept in 16 bits are a fact (``DecoderSpec.rounded``). In a model of that very type such a
line changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.probing.probe import Probe
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.operations import Operation, tensors_in
from scaffold.source.torch.tensors import Dtype, Tensor

HALVES = {"half": "float16", "float16": "float16", "bfloat16": "bfloat16"}
"""Type of 16 bits, or method of tensors that rounds to one → the type."""
CONVERSIONS = ("to", "type")
"""Methods of tensors that take a type."""


def conversions(probe: Probe) -> Iterator[tuple[Operation, str]]:
    """Yield the operations that round to 16 bits by a type that the source names itself, with the type."""
    for op in probe.root.all_operations():
        named = [one.name for one in (*op.args, *op.kwargs.values()) if isinstance(one, Dtype)]
        to = next((HALVES[name] for name in named if name in HALVES), None) if op.name in CONVERSIONS else None
        to = HALVES.get(op.name, to)
        if to is not None:
            yield op, to


def check(probe: Probe) -> None:
    """Check that the source rounds no value of a token to another type of 16 bits than the model has.

    Raises:
        NotUnderstood: it does.
    """
    stated = str(probe.completed.get("dtype") or probe.completed.get("torch_dtype") or "float32")
    for op, to in conversions(probe):
        given = op.args[0] if op.args else None
        if isinstance(given, Tensor) and to != stated.removeprefix("torch.") and _is_of_tokens(given):
            raise NotUnderstood(f"a value that is rounded to {to}, in a model of {stated}", op.where)


def _is_of_tokens(tensor: Tensor) -> bool:
    """Return whether floats were computed with a weight, or of what a layer returned."""
    if tensor.a.dtype.kind != "f":
        return False
    level: list[Tensor] = [tensor]
    seen = {id(tensor)}
    while level:
        if any(one.role == "parameter" or (one.origin is None and not one.role and one.ndim > 1) for one in level):
            return True
        origins = [one.origin for one in level if one.origin is not None]
        parts = [part for one in origins for part in tensors_in((one.args, one.kwargs)) if isinstance(part, Tensor)]
        level = [part for part in {id(part): part for part in parts}.values() if id(part) not in seen]
        level = [part for part in level if part.a.dtype.kind == "f"]
        seen |= set(map(id, level))
    return False
