"""What a probe cannot show of the source's arithmetic, so that it is a hole.

Limits that no value of a probe reaches: a clamp at 7 changes nothing of values around 1, and no branch for the
thirtieth token is taken by eleven. Steps, of which it shows one. What is computed of the number of tokens, of which it
has one alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.shadows import is_by_length, is_step, is_unknown
from scaffold.source.torch.made_of import sizes_of
from scaffold.source.torch.operations import Operation
from scaffold.source.torch.tensors import Array, Tensor, plain
from scaffold.source.transformers.config_values import key_of

SAFE, HUGE = 1e-3, 1e4
"""What is nearer to 0 only keeps from dividing by it; what is further away is for what does not fit a dtype."""
BOUNDS = {
    "clamp": ("min", "max"), "clip": ("min", "max"), "clamp_min": ("min",), "clamp_max": ("max",),
    "hardtanh": ("min_val", "max_val"),
}  # fmt: skip
"""Operation → its limits, in their order behind the tensor."""
ORDERED = ("lt", "le", "gt", "ge")
"""Comparisons with a limit."""
LEAST = ("minimum", "maximum", "min", "max")
"""Of two tensors, one of which may be a limit."""
ARITHMETIC = ("add", "sub", "mul", "div", "pow", "remainder", "floor_divide", *BOUNDS, *LEAST)
WRAPPED = ("remainder", "fmod")
"""Operations that begin again at a limit."""
STEPS = ("floor", "ceil", "trunc", "round", "floor_divide")
"""Operations that give the same for many values."""


def check(probe: Probe) -> None:
    """Check that a probe shows what each limit and step does, and that nothing is computed of the number of tokens.

    Raises:
        NotUnderstood: it does not show one, or something is; with the operation's place.
    """
    for op in probe.root.all_operations():
        given = op.args[0] if op.args else None
        if op.name.rstrip("_") in ARITHMETIC:
            _check_length(op)
        counted = op.name.rstrip("_") in (*ORDERED, *STEPS)
        counts = isinstance(given, Tensor) and counted and given.a.dtype.kind == "i"
        if isinstance(given, Tensor) and (counts or _may_be_of_tokens(given)) and given.a.dtype.kind in "fi":
            limit = _unreached(op, given)
            if limit is not None:
                raise NotUnderstood(f"{op.name.rstrip('_')} at {limit:g}, which no value of a probe reaches", op.where)
            if op.name.rstrip("_") in STEPS and _is_one(op.output.a) and not _is_one(given.a):
                raise NotUnderstood(f"{op.name.rstrip('_')}, of which a probe shows one step alone", op.where)


def _unreached(op: Operation, given: Tensor) -> float | None:
    """Return the limit of an operation on ``given`` that none of its values reaches; None where there is none."""
    name = op.name.rstrip("_")
    if name in BOUNDS:
        limits = {**dict(zip(BOUNDS[name], op.args[1:])), **op.kwargs}
        for limit in limits.values():
            if _counts(limit) and not _is_within(given.a, limit):
                return float(limit)
    if name in LEAST and len(op.args) > 1:
        tensor, limit = given.a, plain(op.args[1])
        if np.size(limit) == 1 and np.size(tensor) > 1 and _counts(float(np.ravel(limit)[0])):
            return None if _is_within(tensor, float(np.ravel(limit)[0])) else float(np.ravel(limit)[0])
    if name in (*ORDERED, *WRAPPED) and len(op.args) > 1 and _counts(op.args[1]) and isinstance(op.output, Tensor):
        found = op.output.a
        if name in ORDERED and key_of(op.args[1]) is not None:
            return None  # a threshold of the config: that of a gate between runs is asked for elsewhere (`runs`)
        if np.array_equal(found, given.a) if name in WRAPPED else _is_one(found):
            return float(op.args[1])
    return None


def _check_length(op: Operation) -> None:
    """Check that no value is computed of how many tokens there are: a server is given them one after the other.

    Raises:
        NotUnderstood: one is.
    """
    values = [*op.args, *op.kwargs.values()]
    if not any(isinstance(one, Tensor) and one.a.dtype.kind == "f" for one in values):
        return
    if any(map(is_by_length, values)):
        raise NotUnderstood("a value that is computed of the number of tokens", op.where)


def check_steps(probe: Probe) -> None:
    """Check that no value of a token is computed with a number that sizes are rounded or counted to.

    Numbers of two probes may lie on one step, or on one line that is none for the checkpoint.

    Raises:
        NotUnderstood: one is; with the operation's place.
    """
    for op in probe.root.all_operations():
        values = [*op.args, *op.kwargs.values()]
        tensors = [one for one in values if isinstance(one, Tensor)]
        if op.name.rstrip("_") in ARITHMETIC and any(NUM_TOKENS in one.shape for one in tensors):
            numbers = [size for one in tensors if one.a.size == 1 for size in sizes_of(one)]
            _check_step([*values, *numbers], op.where)
        given = op.args[0] if op.args else None
        is_one = isinstance(given, Tensor) and given.a.size == 1
        if op.name.rstrip("_") in (*STEPS, *WRAPPED) and isinstance(given, Tensor) and is_one and sizes_of(given):
            raise NotUnderstood(f"{op.name.rstrip('_')} of a size, of which a probe shows one step alone", op.where)


def _check_step(values: list[Any], where: str) -> None:
    step = next((one for one in values if is_step(one)), None)
    if step is not None:
        shown = "" if is_unknown(step.stated) else f", for the checkpoint {step.stated:g}"
        raise NotUnderstood(f"a number that sizes are rounded or counted to ({step:g} in a probe{shown})", where)


def _may_be_of_tokens(tensor: Tensor) -> bool:
    """Return whether a tensor may hold what became of tokens: for each of them, or one number of all."""
    return NUM_TOKENS in tensor.shape or tensor.a.size == 1


def _is_within(array: Array, limit: float) -> bool:
    """Return whether a limit lies among the numbers."""
    return not (bool(np.all(array > limit)) or bool(np.all(array < limit)))


def _counts(limit: Any) -> bool:
    """Return whether a limit is a number that values of a model may reach."""
    return isinstance(limit, (int, float)) and not isinstance(limit, bool) and SAFE < abs(limit) < HUGE


def _is_one(array: Array) -> bool:
    """Return whether all entries are the same."""
    return bool(np.all(array == array.flat[0]))
