"""A tensor of the source as the adapter has it: Python, and which of the source's axes it has, in which order.

The adapter has no batch, and tokens come first: ``[batch, heads, tokens, head_dim]`` of the source is
``[tokens, heads, head_dim]``, so that most of what source does to shapes is nothing there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from scaffold.carried.axes import Axes, Axis, is_tokens, size_of
from scaffold.source.python.errors import NotUnderstood

COMPARED, SUM, PRODUCT, SIGN, POWER, ATOM = range(6)
"""How tightly Python holds together."""


@dataclass(frozen=True)
class Val:
    """One tensor.

    Attributes:
        code: Python.
        level: how tightly it holds together.
        axes: of the source's tensor.
        order: which of them the adapter's tensor has, in its order: all that are longer than one, tokens first.
        base: where it is only another view of something: what that is, and the axes that it has beside tokens.
    """

    code: str
    level: int
    axes: tuple[Axis, ...]
    order: tuple[int, ...]
    base: tuple[str, int, tuple[Axis, ...]] | None = None

    def at_least(self, level: int) -> str:
        """Return the code, in parentheses where it holds together less tightly."""
        return self.code if self.level >= level else f"({self.code})"

    @property
    def receiver(self) -> str:
        """Return the code as something that has methods."""
        return self.at_least(ATOM)

    def method(self, call: str, axes: Sequence[Axis] | None = None, order: Sequence[int] | None = None) -> Val:
        """Return what a method gives."""
        new_axes = self.axes if axes is None else tuple(axes)
        return Val(f"{self.receiver}.{call}", ATOM, new_axes, self.order if order is None else tuple(order))

    def dim(self, axis: int) -> int:
        """Return the place of a source's axis, counted from the end."""
        return self.order.index(axis % len(self.axes)) - len(self.order)


def normal(axes: Sequence[Axis]) -> tuple[int, ...]:
    """Return the order of a tensor without axes of one: tokens first.

    Raises:
        NotUnderstood: tokens share an axis with something else.
    """
    tokens = [i for i, axis in enumerate(axes) if is_tokens(axis)]
    if any(len(axes[i]) > 1 for i in tokens) or len(tokens) > 1:
        raise NotUnderstood("tokens that share an axis with something else, or have two")
    return (*tokens, *(i for i, axis in enumerate(axes) if axis and i not in tokens))


def aligned(values: Sequence[Val], axes: Axes) -> tuple[list[Val], tuple[Axis, ...], tuple[int, ...]]:
    """Return values so that they broadcast as the source's do, with the axes and the order of what they give.

    Raises:
        NotUnderstood: they mean different things by one axis.
    """
    rank = max(len(value.axes) for value in values)
    shifted = [_shift(value, rank) for value in values]
    result = tuple(axes.one([value.axes[i] for value in shifted]) for i in range(rank))
    kept = {i for value in shifted for i in value.order}
    order = tuple(i for i in _order(result) if i in kept or result[i])
    return [_fit(value, order) for value in shifted], result, order


def _shift(value: Val, rank: int) -> Val:
    more = rank - len(value.axes)
    return replace(value, axes=((),) * more + value.axes, order=tuple(i + more for i in value.order))


def _order(axes: Sequence[Axis]) -> tuple[int, ...]:
    tokens = [i for i, axis in enumerate(axes) if is_tokens(axis)]
    return (*tokens, *(i for i in range(len(axes)) if i not in tokens))


def _fit(value: Val, order: tuple[int, ...]) -> Val:
    """Return a value whose axes stand where ``order`` has them, those of one included."""
    longer = [i for i in value.order if value.axes[i]]
    if not longer:
        return value
    if longer != [i for i in order if i in longer]:
        raise NotUnderstood("axes that stand in another order")
    wanted = list(order[order.index(longer[0]) :])
    if list(value.order) == wanted:
        return value
    if len(longer) == 1 and any(i not in wanted for i in value.order):
        sizes = ", ".join("-1" if i in longer else "1" for i in wanted)
        return value.method(f"view({sizes})", order=wanted)
    for i in [i for i in value.order if i not in wanted]:
        value = value.method(f"squeeze({value.dim(i)})", order=[j for j in value.order if j != i])
    for place, i in enumerate(wanted):
        if i not in value.order:
            at = place if len(value.order) == place else place - len(wanted) if place else 0
            new = (*value.order[:place], i, *value.order[place:])
            value = value.method(f"unsqueeze({at if at != len(value.order) else -1})", order=new)
    return value


def viewed(value: Val, new: Sequence[Axis], axes: Axes) -> Val:
    """Return what a view with these axes is.

    Raises:
        NotUnderstood: it is more than taking axes apart or together.
    """
    for i in [i for i in value.order if not value.axes[i]]:
        value = value.method(f"squeeze({value.dim(i)})", order=[j for j in value.order if j != i])
    order = normal(new)
    had = [value.axes[i] for i in value.order if not is_tokens(value.axes[i])]
    gets = [new[i] for i in order if not is_tokens(new[i])]
    base = value.base or (value.code, value.level, tuple(had))
    if had == gets:
        return Val(value.code, value.level, tuple(new), order, value.base)
    if base[2] == tuple(gets):
        return Val(base[0], base[1], tuple(new), order)
    code = Val(value.code, value.level, tuple(new), order)
    if len([a for a in value.axes if is_tokens(a)]) != len([a for a in new if is_tokens(a)]):
        raise NotUnderstood("a view that takes tokens apart")
    steps = _steps(had, gets, axes)
    for step in steps:
        code = code.method(step)
    return replace(code, axes=tuple(new), order=order, base=base)


def _steps(had: list[Axis], gets: list[Axis], axes: Axes) -> list[str]:
    """Return the calls that make one list of axes of another, from the last axis on."""
    steps: list[str] = []
    at, old, new = -1, list(had), list(gets)
    while old or new:
        if not old or not new:
            raise NotUnderstood("a view that fits no axis")
        left, right = [old.pop()], [new.pop()]
        while _total(left) != _total(right):
            shorter, rest = (left, old) if _total(left) < _total(right) else (right, new)
            if not rest:
                raise NotUnderstood("a view that fits no axis")
            shorter.insert(0, rest.pop())
        if len(left) > 1:
            end = "" if at == -1 else f", {at}"
            steps.append(f"flatten({at - len(left) + 1}{end})")
        if len(right) > 1:
            sizes = [axes.code(axis) for axis in right]
            if sizes.count("-1") > 1:
                raise NotUnderstood("a view to lengths that no number of the config gives")
            steps.append(f"unflatten({at}, ({', '.join(sizes)}))")
        at -= len(right)
    return steps


def _total(found: list[Axis]) -> int:
    return size_of(tuple(atom for axis in found for atom in axis))
