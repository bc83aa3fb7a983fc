"""What an attention takes of an earlier layer's: its keys and values, or values that are mixed into its own.

vLLM's decoder layers hand on hidden states and nothing else, so there is no idiom for either; the hole says which one
it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.carried.parts import flat_heads
from scaffold.carried.tensors import flat
from scaffold.probing.attention_core import Core
from scaffold.probing.blocks import name_in
from scaffold.probing.numeric import same
from scaffold.probing.probe import Probe
from scaffold.source.torch.events import Event
from scaffold.source.torch.operations import tensors_in
from scaffold.source.torch.tensors import Tensor

SHARED = "keys and values that {} made: layers that share a KV cache, for which there is no idiom yet"
MIXED = "values of {} mixed into v, a value residual: vLLM's layers hand on hidden states only, so there is no idiom"


def of_earlier(probe: Probe, event: Event, core: Core) -> str | None:
    """Return what a hole says of what the attention of an earlier layer made; None where nothing of it is used."""
    for tensor, made in _from_other_blocks(probe, event):
        values = flat(tensor.a) if tensor.a.dtype.kind == "f" else None
        if values is None or not made.inside:
            continue
        if any(one.size == values.size and same(flat_heads(one), values) for one in (core.k, core.v)):
            return SHARED.format(name_in(probe.root, made))
        if tensor.a.size == core.v.size:
            return MIXED.format(name_in(probe.root, made))
    return None


def _from_other_blocks(probe: Probe, event: Event) -> Iterator[tuple[Tensor, Event]]:
    """Yield the tensors that a block computes with and another block of its kind made, with the call of that."""
    kind = event.module.kind if event.module is not None else ""
    blocks = [one for one in probe.root.walk() if one.module is not None and one.module.kind == kind]
    made = {id(op): one for one in blocks if one is not event for op in one.all_operations()}
    for op in event.all_operations():
        for tensor in tensors_in((op.args, op.kwargs)):
            if isinstance(tensor, Tensor) and id(tensor.origin) in made:
                yield tensor, made[id(tensor.origin)]
