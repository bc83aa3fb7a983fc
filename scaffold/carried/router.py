"""Routers: what happens to the logits between the router's projection and the scores by which experts are chosen."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.carried.axes import Atom, Axes, Axis
from scaffold.carried.positions import Positions
from scaffold.carried.sizes import Size
from scaffold.carried.spec import Stretch
from scaffold.carried.stretch import Block
from scaffold.carried.tensors import TOKENS, ancestors, flat, held, unchanged
from scaffold.carried.values import Val
from scaffold.probing.numeric import same
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.operations import tensors_in
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.spec.values import Value

LOGITS = "router_logits"
"""What an adapter calls what the router's projection gives, and what goes into the scoring."""
RESERVED = frozenset({"self", "hidden_states", "positions", "torch", "F", "nn"})
MOST = 12
"""Tensors that are tried: scores are made of logits in fewer steps than this."""


def made_of(event: Event, logits: Array) -> Iterator[tuple[Tensor, Array]]:
    """Yield what a block makes of a router's logits that has as many numbers, in the order in which it makes it.

    Args:
        event: the block's call.
        logits: what the router's projection gives, ``[tokens, experts]``.

    Yields:
        A tensor, and its numbers as ``[tokens, experts]``.
    """
    begins: set[int] = set()
    found = 0
    for operation in event.all_operations():
        for tensor in (one for one in tensors_in(operation.output) if isinstance(one, Tensor)):
            values = _by_tokens(tensor)
            if values is None or values.shape != logits.shape:
                continue
            if same(values, logits):
                begins.add(id(tensor))
            elif any(id(one) in begins for one in ancestors(tensor, lambda one: id(one) in begins)):
                yield tensor, values
                found += 1
        if found >= MOST:
            return


def carried(probe: Probe, event: Event, logits: Array, target: Tensor, count: Value) -> Stretch:
    """Return the statements that make ``target`` of the logits.

    Args:
        probe: the probe.
        event: the block's call.
        logits: what the router's projection gives, ``[tokens, experts]``.
        target: what the source scores.
        count: the number of experts, which every rank has all logits of.

    Raises:
        NotUnderstood: they cannot be carried over.
    """
    axis: Axis = (Atom(logits.shape[1]),)
    block = Block(probe, event, {axis: Size(count.code, int(count.value))}, {}, RESERVED, Positions(list, given=False))
    inputs: dict[str, tuple[Tensor, tuple[Axis, ...]]] = {}
    begins = [one for one in ancestors(target, lambda one: _is(one, logits)) if _is(one, logits)]
    renamed = {name: LOGITS for one in begins if one.origin for name in block.around.statements.names(one.origin.where)}

    def leaf(axes: Axes, tensor: Tensor) -> Val | None:
        inner = unchanged(tensor)
        if not _is(tensor, logits) or (inner is not None and _is(inner, logits)):
            return None
        inputs[LOGITS] = tensor, ((TOKENS,), axis)
        return held(LOGITS, axis, tensor, axes)

    stretch = block.stretch(target, LOGITS, ((TOKENS,), axis), leaf, renamed, inputs)
    if not inputs or not stretch.lines:
        raise NotUnderstood("scores that come from no router")
    return stretch


def _by_tokens(tensor: Tensor) -> Array | None:
    """Return ``[tokens, all else]`` of a tensor of numbers, None for any other."""
    if tensor.a.dtype.kind != "f" or tensor.a.size % NUM_TOKENS:
        return None
    return flat(tensor.a)


def _is(tensor: Tensor, logits: Array) -> bool:
    """Return whether a tensor has the very numbers of the logits."""
    values = _by_tokens(tensor)
    return values is not None and values.shape == logits.shape and same(values, logits)
