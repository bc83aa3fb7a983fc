"""Shared experts: what lies beside the routed ones in a block, and what these give without it."""

from __future__ import annotations

import numpy as np

from scaffold.feed_forwards.experts.stacks import is_experts, stacks
from scaffold.feed_forwards.mlp.read import read_mlp
from scaffold.feed_forwards.mlp.spec import MlpSpec
from scaffold.probing.blocks import name_in
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.probing.projections import input_of, linears, output_of
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch import torch_ops
from scaffold.source.torch.events import Event
from scaffold.source.torch.tensors import Array

Rest = list[Array]
"""What the routed experts may have given, ``[tokens, hidden]``: a way for each."""


def without_shared(probe: Probe, event: Event, x: Array, given: Array) -> tuple[MlpSpec | None, str | None, Rest]:
    """Return the shared experts, their gate, and what the routed experts may have given."""
    assert event.module is not None
    lists = {stack.path for stack in stacks(event.module) if stack.is_listed}
    for child in event.inside:
        if child.module is None or child.module.cls is None or is_experts(child) or not linears(child):
            continue
        if len(linears(child)) < 2 or name_in(event, child).rpartition(".")[0] in lists:
            continue  # one of a list of experts, each of which may have been given all tokens
        try:
            block = read_mlp(probe, child, name_in(event, child), "shared_expert_intermediate_size")
        except NotUnderstood:
            continue
        gates = [e for e in linears(event) if output_of(e).shape == (NUM_TOKENS, 1) and np.allclose(input_of(e), x)]
        if gates:
            factor = torch_ops.sigmoid(output_of(gates[0]))
            return block.spec, name_in(event, gates[0]), [given - factor * block.given]
        return block.spec, None, [given - block.given]
    return None, None, [given]
