"""From a size or a switch seen in a probe to the config key that it came from."""

from __future__ import annotations

from scaffold.expressions.evaluate import evaluate, of_single_layers
from scaffold.expressions.tree import HIDDEN_SIZE, LAYER, NUM_HEADS, Expression, Item, Key, OfLayer
from scaffold.probing.numbers import explain
from scaffold.probing.probe import Probe
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.tensors import Tensor
from scaffold.spec.values import Value
from scaffold.vocabulary.lookup import spellings

ONE_FOR_ALL = ("num_heads", "num_kv_heads", "head_dim")
"""Roles of which vLLM takes a number from the config before there is a layer (model_arch_config_convertor.py)."""


def size_value(probe: Probe, role: str, seen: int, where: str = "") -> Value:
    """Return a size with its key: the role's own key if the probe saw its value, as all probe sizes differ.

    Raises:
        NotUnderstood: the value seen is no size of the config.
    """
    key = probe.key(role)
    if key is not None and key in of_single_layers(probe.small.attributes):
        return _of_layer(probe, key, OfLayer(key), seen, where)
    if key is not None and isinstance(probe.small.attributes[key], (list, tuple)):
        if role in ONE_FOR_ALL:
            raise NotUnderstood(f"{key}, a list with a size for each layer, where vLLM takes one from a config", where)
        return _of_layer(probe, key, Item(Key((key,)), LAYER), seen, where)
    if key is not None and int(probe.small.attributes[key]) == seen:
        return Value(int(probe.completed[key]), key)
    if role == "head_dim" and key is None and _head_dim(probe, small=True) == seen:
        return Value(_head_dim(probe, small=False), None, HIDDEN_SIZE // NUM_HEADS)
    if role == "num_kv_heads" and seen == 1:
        return Value(1)
    if role == "num_kv_heads" and key is None:
        return size_value(probe, "num_heads", seen, where)
    multiple = _multiple(probe, seen)
    if multiple is not None:
        return multiple
    found = explain(probe, float(seen), is_size=True)
    if found is not None and (found.key or found.expression):
        return Value(int(found.value), found.key, found.expression)
    raise NotUnderstood(f"{role} is {seen} in a probe where the config has {key or 'no key for it'}", where)


def _of_layer(probe: Probe, key: str, tree: Expression, seen: int, where: str) -> Value:
    """Return a size that single layers have for themselves; that it is this layer's, whoever reads all layers checks.

    Raises:
        NotUnderstood: no layer has it, or layers that do have different ones in the checkpoint; or there is not one for
            each layer.
    """
    layers = range(probe.num_layers())
    try:
        pairs = {(evaluate(tree, probe.small.attributes, i), evaluate(tree, probe.completed, i)) for i in layers}
    except LookupError:
        raise NotUnderstood(f"{key}, which has not one size for each of {len(layers)} layers", where) from None
    found = {real for small, real in pairs if small == seen}
    if len(found) != 1:
        raise NotUnderstood(f"{key} of single layers: {seen} in a probe, where they have {sorted(pairs)}", where)
    return Value(int(found.pop()), None, tree)


def _multiple(probe: Probe, seen: int) -> Value | None:
    """Return a small multiple of the hidden size, as GPT-2's kin have it without a key."""
    key = probe.key("hidden_size")
    hidden = int(probe.small.attributes[key]) if key else 0
    if key and hidden and seen % hidden == 0 and 1 < seen // hidden <= 8:
        times = seen // hidden
        return Value(int(probe.completed[key]) * times, None, times * Key((key,)))
    return None


def _head_dim(probe: Probe, small: bool) -> int | None:
    hidden, heads = probe.key("hidden_size"), probe.key("num_heads")
    if hidden is None or heads is None:
        return None
    config = probe.small.attributes if small else probe.completed
    return int(config[hidden]) // int(config[heads])


def has_bias(event: Event) -> bool:
    """Return whether a linear layer has a bias."""
    return event.module is not None and isinstance(event.module.attributes.get("bias"), Tensor)


def bias_value(probe: Probe, linears: list[Event]) -> Value:
    """Return whether linears have a bias, with the config key that switches it.

    A key is found by switching it in a second probe and looking whether the biases change.

    Raises:
        NotUnderstood: some of them have one and others do not.
    """
    present = {has_bias(event) for event in linears}
    if len(present) != 1:
        raise NotUnderstood("a bias on some of the projections only", linears[0].where)
    has = present.pop()
    path = probe.path(linears[0].module)
    for key in spellings("bias"):
        value = probe.completed.get(key)
        if isinstance(value, bool) and value == has:
            module = probe.switched(key, path)
            if module is not None and isinstance(module.attributes.get("bias"), Tensor) != has:
                return Value(has, key)
    return Value(has)
