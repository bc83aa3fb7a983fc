"""Blocks that are called once more, with another input than in the probe."""

from __future__ import annotations

import numpy as np

from scaffold.probing.numeric import same
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.tensors import Array, Tensor

CAPACITY = "experts with a capacity: what a token gets depends on the tokens before it, as no server has them ({})"
"""vLLM's experts take all tokens that choose them."""


def mixes_tokens(probe: Probe, event: Event) -> bool:
    """Return whether what a block gives for the last token changes with the first one: it is called once more."""
    changed = event.tensors()[0].a.copy()
    changed.reshape(NUM_TOKENS, -1)[0] *= -0.5
    given = _given(probe, event, changed)
    return given is not None and not same(given[1:], _flat(event.result().a)[1:])


def has_capacity(probe: Probe, event: Event) -> bool:
    """Return whether a block gives equal tokens different answers: all want the same experts, which have no place left.

    Where tokens are few or spread well, as in a probe, no expert may be full. Attention gives equal tokens the same,
    too: the values that it mixes are equal.
    """
    x = event.tensors()[0].a
    first = x.reshape(NUM_TOKENS, -1)[:1]
    given = _given(probe, event, np.broadcast_to(first, (NUM_TOKENS, first.shape[1])).reshape(x.shape))
    return given is not None and not same(given, np.broadcast_to(given[:1], given.shape))


def _given(probe: Probe, event: Event, x: Array) -> Array | None:
    """Return what a block gives ``[tokens, hidden]`` of another ``x``; None if it cannot be called with that."""
    first, other = event.tensors()[0], Tensor(np.array(x))
    args = [other if one is first else one for one in event.args]
    kwargs = {name: other if one is first else one for name, one in event.kwargs.items()}
    try:
        output = probe.interpreter.call(event.module, args, kwargs, event.where)
    except (NotUnderstood, ValueError, TypeError, IndexError, KeyError):
        return None
    given = next(iter(output), None) if isinstance(output, (tuple, list)) else output
    return _flat(given.a) if isinstance(given, Tensor) and given.shape == event.result().shape else None


def _flat(array: Array) -> Array:
    return array.reshape(NUM_TOKENS, -1)
