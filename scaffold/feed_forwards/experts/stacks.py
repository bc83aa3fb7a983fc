"""The weights of experts: in which tensors a block may have them, and what the experts make of tokens by them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from scaffold.feed_forwards.experts.gated import Gated
from scaffold.source.torch.events import Event
from scaffold.source.torch.layers import Linear
from scaffold.source.torch.module import Module
from scaffold.source.torch.tensors import Array, Tensor


@dataclass(frozen=True)
class Stack:
    """The experts' weights ``[experts, inner, hidden]`` and ``[experts, hidden, inner]``, and their names."""

    gate: Array
    up: Array
    down: Array
    path: str
    up_name: str
    down_name: str
    transposed: bool
    alternating: bool = False
    biases: tuple[Array, Array, Array] | None = None
    """Of gate, up ``[experts, inner]`` and down ``[experts, hidden]``."""
    gate_name: str = ""
    """Of the gate, where it has tensors of its own."""
    in_rows: bool = False
    """Each of gate, up and down is one matrix, expert after expert."""
    entries: int = 0
    """How many gate and up have entries for, which may be more than down has: the others are of no use, and left out.
    """

    @property
    def is_longer(self) -> bool:
        """Return whether gate and up have entries for more experts than down."""
        return self.entries > len(self.down)

    @property
    def is_listed(self) -> bool:
        """Return whether each expert is a module of its own; all names are patterns then."""
        return bool(self.gate_name) and not self.in_rows

    def outputs(self, x: Array, gated: Gated) -> Array:
        """Return what each expert makes of each token: ``[experts, tokens, hidden]``."""
        gate, up = (x @ weight.swapaxes(1, 2) for weight in (self.gate, self.up))
        if self.biases is not None:
            gate, up = gate + self.biases[0][:, None], up + self.biases[1][:, None]
        out = gated(gate, up) @ self.down.swapaxes(1, 2)
        return np.asarray(out if self.biases is None else out + self.biases[2][:, None])

    def outputs_of_weighted(self, x: Array, dense: Array, gated: Gated) -> Array:
        """Return the sum of what experts make of tokens multiplied by ``dense`` ``[tokens, experts]``."""
        return np.asarray(self.outputs(x * dense.T[:, :, None], gated).sum(axis=0))


def is_experts(event: Event) -> bool:
    """Return whether a block holds expert weights."""
    return event.module is not None and next(stacks(event.module), None) is not None


def stacks(module: Module) -> Iterator[Stack]:
    """Yield the ways in which a block's weights can be those of experts."""
    for path, holder in module.modules():
        stacked = {n: v for n, v in holder.attributes.items() if isinstance(v, Tensor) and v.ndim == 3}
        if len(stacked) == 2:
            yield from _two(path, stacked, holder)
        yield from _rows(path, holder, module)
        items = [child for name, child in holder.children() if name.isdigit()]
        holding = [child for child in items if any(True for _ in child.saved_tensors())]
        if len(holding) > 1 and holding == items[: len(holding)]:  # what follows may be identity experts
            yield from _listed(path, holding)
    singles = [
        (path, name, value)
        for path, holder in module.modules()
        for name, value in holder.attributes.items()
        if isinstance(value, Tensor) and value.ndim == 3
    ]
    if len(singles) == 2 and singles[0][0] != singles[1][0]:
        names = {f"{path}.{name}": value for path, name, value in singles}
        yield from _two("", names, None)


def _two(path: str, stacked: dict[str, Tensor], holder: Module | None) -> Iterator[Stack]:
    (up_name, up), (down_name, down) = stacked.items()
    count = down.shape[0]
    if up.shape[0] < count:
        return
    for transposed in (False, True):
        first = np.swapaxes(up.a[:count], 1, 2) if transposed else up.a[:count]
        second = np.swapaxes(down.a, 1, 2) if transposed else down.a
        if first.shape[1] == 2 * second.shape[2] and first.shape[2] == second.shape[1]:
            biases = [holder.attributes.get(f"{name}_bias") if holder else None for name in (up_name, down_name)]
            for alternating in (False, True):
                gate, upper = _halves(first, alternating)
                both = None
                if isinstance(biases[0], Tensor) and isinstance(biases[1], Tensor):
                    both = (*_halves(biases[0].a[:count], alternating), biases[1].a)
                names, entries = (up_name, down_name), up.shape[0]
                yield Stack(gate, upper, second, path, *names, transposed, alternating, both, entries=entries)


def _rows(path: str, holder: Module, block: Module) -> Iterator[Stack]:
    """Yield experts that lie one after the other in three matrices ``[experts * inner, hidden]``.

    As many experts as a router of the block has outputs; which matrix is which no shape tells.
    """
    found = {n: v for n, v in holder.attributes.items() if isinstance(v, Tensor) and v.ndim == 2}
    shapes = {value.shape for value in found.values()}
    if len(found) != 3 or len(shapes) != 1:
        return
    ((rows, hidden),) = shapes
    for count in sorted(_router_sizes(block, hidden)):
        if rows % count or rows == count:
            continue
        cut = {name: value.a.reshape(count, -1, hidden) for name, value in found.items()}
        for gate, up, down in permutations(cut):
            weights = (cut[gate], cut[up], np.swapaxes(cut[down], 1, 2))
            yield Stack(*weights, path, up, down, False, gate_name=gate, in_rows=True)


def _router_sizes(block: Module, hidden: int) -> set[int]:
    weights = (module.attributes["weight"] for _, module in block.modules() if isinstance(module, Linear))
    return {weight.shape[0] for weight in weights if isinstance(weight, Tensor) and weight.shape[1] == hidden}


def _halves(array: Array, alternating: bool) -> tuple[Array, Array]:
    """Return gate and up of ``[experts, 2 inner, …]``."""
    if alternating:
        return array[:, 0::2], array[:, 1::2]
    gate, up = np.split(array, 2, axis=1)
    return gate, up


def _listed(path: str, items: list[Module]) -> Iterator[Stack]:
    """Yield experts that are modules of a list, with three linear layers each: two of one shape are gate and up.

    Of two linear layers, one holds both, the gate first.
    """
    weights = [{n: c.attributes["weight"].a for n, c in item.children() if isinstance(c, Linear)} for item in items]
    names = list(weights[0])
    if len(names) not in (2, 3) or any(list(w) != names for w in weights):
        return
    stacked = {n: np.stack([w[n] for w in weights]) for n in names}
    if len(names) == 2:
        for both, down in permutations(names):
            experts, rows, hidden = stacked[both].shape
            if stacked[down].shape == (experts, hidden, rows // 2):
                pattern, down_name = (f"{{expert}}.{name}.weight" for name in (both, down))
                weights_of = (*_halves(stacked[both], alternating=False), stacked[down])
                yield Stack(*weights_of, path, pattern, down_name, False, gate_name=pattern)
        return
    for down in names:
        gate, up = [n for n in names if n != down]
        if stacked[gate].shape == stacked[up].shape == np.swapaxes(stacked[down], 1, 2).shape:
            for first, second in ((gate, up), (up, gate)):
                gate_name, up_name, down_name = (f"{{expert}}.{name}.weight" for name in (first, second, down))
                weights_of = (stacked[first], stacked[second], stacked[down])
                yield Stack(*weights_of, path, up_name, down_name, False, gate_name=gate_name)
