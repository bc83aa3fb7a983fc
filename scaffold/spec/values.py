"""From a number seen in a probe to the config key that it came from."""

from __future__ import annotations

from scaffold.source.errors import NotUnderstood
from scaffold.source.objects import Event
from scaffold.source.tensors import Tensor
from scaffold.spec import probe as probes
from scaffold.spec.facts import Value
from scaffold.spec.probe import Probe

BIAS_KEYS = ("attention_bias", "qkv_bias", "use_qkv_bias", "mlp_bias", "use_bias", "bias")


def size_value(probe: Probe, role: str, seen: int) -> Value:
    """Return a size with its key: the role's own key if the probe saw its value, as all probe sizes differ.

    Raises:
        NotUnderstood: the value seen is not the one that the role's key has in the probe.
    """
    key = probe.key(role)
    if key is not None and int(probe.small.attributes[key]) == seen:
        return Value(probe.completed[key], key)
    if role == "head_dim" and key is None:
        return Value(_head_dim(probe), None)
    raise NotUnderstood(f"{role} is {seen} where the config has {key or 'no key for it'}")


def _head_dim(probe: Probe) -> int:
    hidden, heads = probe.key("hidden_size"), probe.key("num_heads")
    if hidden is None or heads is None:
        raise NotUnderstood("a head size without a key, and no hidden size or heads to derive it from")
    return int(probe.completed[hidden]) // int(probe.completed[heads])


def bias_value(probe: Probe, linears: list[Event]) -> Value:
    """Return whether linears have a bias, with the config key that switches it.

    A key is found by switching it in a second probe and looking whether the biases change.

    Raises:
        NotUnderstood: some of them have one and others do not.
    """
    modules = [e.module for e in linears if e.module is not None]
    present = {isinstance(m.attributes["bias"], Tensor) for m in modules}
    if len(present) != 1:
        raise NotUnderstood("a bias on some of the projections only", linears[0].where)
    has_bias = present.pop()
    path = probe.path(modules[0])
    for key in BIAS_KEYS:
        if isinstance(probe.completed.get(key), bool):
            try:
                other = probes.run(probe.source, probe.config, **{key: not probe.completed[key]})
            except NotUnderstood:
                continue
            module = dict(other.model.modules()).get(path)
            if module is not None and isinstance(module.attributes["bias"], Tensor) != has_bias:
                return Value(has_bias, key)
    return Value(has_bias)
