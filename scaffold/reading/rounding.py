"""Where the source rounds to 16 bits what the adapter does not: that is a hole.

A value of a token, in a model of another data type; positions, frequencies and angles, in any model, as 16 bits do not
have all numbers above 256 or 2,048. Tables of sines that are kept in 16 bits are a fact (``DecoderSpec.rounded``), and
of masks nothing is lost. In a model of the very type a line that rounds a token's value changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np

from scaffold.probing.probe import Probe
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.half import is_to_models, kept, named
from scaffold.source.torch.operations import Operation, before, tensors_in
from scaffold.source.torch.tensors import Tensor
from scaffold.vocabulary.lookup import spellings

TURNED = ("cos", "sin", "outer", "polar")
"""Operations of angles, and of what they are products of."""
SAME = (
    *("getitem", "cat", "stack", "unsqueeze", "squeeze", "reshape", "view", "expand", "transpose", "permute", "repeat"),
    *("repeat_interleave", "flatten", "unflatten", "to", "type", "float", "half", "bfloat16", "type_as", "contiguous"),
    *("clone", "mul", "index_select", "chunk", "split", "embedding", "detach", "slice", "gather"),
)
"""Operations after which a table of sines is one."""
KEPT = ("cumsum", "add", "sub", "mul", "div", "pow", "matmul", "setitem")
"""Operations that round what they give where all that they are given has few bits."""
CONVERSIONS = ("to", "type", "type_as", "half", "bfloat16", "short", "char", "byte", "softmax", "linear")
"""Operations that round what they are given; others what they make."""
HALF = ("float16", "bfloat16")
FAR = 1e4
"""What is further away is no value, but stands for what is masked."""


def conversions(probe: Probe) -> Iterator[tuple[Operation, str]]:
    """Yield the operations that round to few bits by a type that the source names itself, with the type."""
    for op in probe.root.all_operations():
        to = named(op)
        if to is not None and "float" in to:
            yield op, to


def check(probe: Probe) -> None:
    """Check that the source rounds no value to fewer bits than the adapter's has.

    Raises:
        NotUnderstood: it does; with the place.
    """
    words = (probe.completed.get(key) for key in spellings("dtype"))
    stated = str(next(filter(None, words), "float32")).removeprefix("torch.")
    for op, is_angle in _operations(probe):
        said = named(op) or (kept(op) if op.name in KEPT or op.name.endswith("_") else None)
        to = said or (stated if stated in HALF and is_to_models(op) else None)
        given = (*op.args[:1], op.output) if op.name in CONVERSIONS else (op.output,)
        values = next((one for one in given if isinstance(one, Tensor)), None)
        if to is None or values is None or _is_mask(values):
            continue
        if is_angle or (_are_positions(values) and not _is_of_tokens(values)):
            raise NotUnderstood(f"positions or angles that are rounded to {to}", op.where)
        if said is not None and not _is_table(values) and (to != stated or not _is_of_tokens(values)):
            raise NotUnderstood(f"a value that is rounded to {to}, in a model of {stated}", op.where)


def _operations(probe: Probe) -> Iterator[tuple[Operation, bool]]:
    """Yield the operations of a run, and those of what was made before it; whether they make what turns heads."""
    run = list(probe.root.all_operations())
    angles = before([op for op in run if op.name in TURNED and not _is_of_tokens(op.args[0])])
    made = [op for op in before(run) if id(op) not in set(map(id, run))]
    angles += before([op for op in made if op.name in TURNED])
    of_angles = set(map(id, angles))
    for op in chain(run, made):
        yield op, id(op) in of_angles


def _is_mask(tensor: Tensor) -> bool:
    """Return whether all numbers are 0, 1, or far from every value: those 16 bits have."""
    values = np.abs(tensor.a)
    return bool(np.all((values == 0) | (values == 1) | (values >= FAR)))


def _are_positions(tensor: Tensor) -> bool:
    """Return whether all numbers are whole ones."""
    return tensor.a.dtype.kind in "if" and bool(np.all(tensor.a == np.round(tensor.a)))


def _is_table(tensor: Tensor) -> bool:
    """Return whether a tensor holds cosines or sines."""
    level, seen = [tensor], {id(tensor)}
    while level:
        origins = [one.origin for one in level if one.origin is not None]
        if any(op.name in ("cos", "sin") for op in origins):
            return True
        parts = [one for op in origins if op.name in SAME for one in tensors_in((op.args, op.kwargs))]
        level = [one for one in parts if isinstance(one, Tensor) and id(one) not in seen]
        seen |= set(map(id, level))
    return False


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
