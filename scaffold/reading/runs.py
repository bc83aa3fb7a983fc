"""Layers that run more than once: how often, and what happens between two runs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from scaffold.probing import norms
from scaffold.probing import probe as probes
from scaffold.probing.numeric import same
from scaffold.probing.probe import Probe
from scaffold.source.interpreter import Interpreter
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.module import Module
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.spec.values import ONE, Value

FAR = (20.0, -20.0)
"""Biases of a module that may have no effect, its matrices being 0: gates behind a sigmoid are open or shut but for
2e-9, which no rounding hides. Without a bias matrices are multiplied by `TIMES`."""
TIMES = 4.0


def times(probe: Probe, count: int) -> Value:
    """Return how often the layers run, with the config key that says so: with one more there, they run once more.

    Raises:
        NotUnderstood: several keys do.
    """
    if count == 1:
        return ONE
    found = []
    for key, value in probe.completed.items():
        if not isinstance(value, int) or isinstance(value, bool) or value != count:
            continue
        changed = {**probe.completed, key: count + 1}
        try:
            other = probes.run(probe.source, changed, probe.sizes, probe.outer)
        except NotUnderstood:
            continue
        if len(other.runs()) == count + 1 and other.num_layers() == probe.num_layers():
            found.append(key)
    if len(found) > 1:
        raise NotUnderstood(f"layers that run {count} times by {' and '.join(found)}", probe.source.file.shown)
    return Value(count, found[0] if found else None)


def run_in_place(runs: list[list[Event]]) -> bool:
    """Return whether each layer runs again on what it gave, before the next one takes it."""
    if len(runs) == 1 or len(runs[0]) == 1:
        return False
    return _same(runs[0][0].result().a, runs[1][0].tensors()[0].a)


def norm_between(probe: Probe, runs: list[list[Event]], final: Event | None) -> bool:
    """Return whether the final norm is applied to what each run gives before the next one takes it.

    Raises:
        NotUnderstood: another thing happens between two runs, or not the same between all.
    """
    found = set()
    for one, following in pairwise(runs):
        given, taken = one[-1].result().a, following[0].tensors()[0].a
        if _same(given, taken):
            found.add(False)
            continue
        between = [e for e in probe.root.walk() if final is not None and e.module is final.module]
        is_norm = any(
            norms.looks_like_norm(e) and _same(e.tensors()[0].a, given) and _same(e.result().a, taken) for e in between
        )
        if not is_norm:
            raise NotUnderstood("what happens between two runs of the layers", following[0].where)
        found.add(True)
    if len(found) > 1:
        raise NotUnderstood("a norm between some runs of the layers only", probe.source.file.shown)
    return found == {True}


def _same(one: Array, other: Array) -> bool:
    return one.size == other.size and same(one.reshape(-1), other.reshape(-1))


def without_effect(probe: Probe, known: set[str], layers: str) -> tuple[str, ...]:
    """Return the outermost modules beside the known ones that are called, and that change no answer.

    Their weights are changed by much, and the whole model runs again: a gate that would choose between runs where it is
    nearly open, or shut, shows.

    Args:
        probe: the probe.
        known: paths of the modules that were read.
        layers: path of the list of layers.

    Raises:
        NotUnderstood: the model cannot run again.
    """
    beside: list[str] = []
    for path, module in probe.model.modules():
        inside = any(f"{path}.".startswith(f"{one}.") for one in (layers, *known, *beside))
        around = any(f"{one}.".startswith(f"{path}.") for one in (layers, *known)) or not path
        if not inside and not around and any(tensor.role == "parameter" for _, tensor in module.saved_tensors()):
            beside.append(path)
    if not beside:
        return ()
    interpreter, model = probe.with_stated_factors()
    modules = dict(model.modules())
    return tuple(path for path in beside if not _moves(probe, interpreter, model, modules[path]))


def _moves(probe: Probe, interpreter: Interpreter, model: Module, module: Module) -> bool:
    """Return whether the model's answer changes with the weights of a module."""
    tensors = [tensor for _, tensor in module.saved_tensors() if tensor.role == "parameter"]
    before = _answer(probe, interpreter, model)
    for far in FAR:
        kept = [tensor.a for tensor in tensors]
        has_bias = any(tensor.ndim < 2 for tensor in tensors)
        for tensor in tensors:
            changed = np.full_like(tensor.a, far) if tensor.ndim < 2 else tensor.a * 0.0
            tensor.a = changed if has_bias else tensor.a * TIMES * np.sign(far)
        try:
            after = _answer(probe, interpreter, model)
        finally:
            for tensor, array in zip(tensors, kept):
                tensor.a = array
        if not _same(after, before):
            return True
    return False


def _answer(probe: Probe, interpreter: Interpreter, model: Module) -> Array:
    """Return the logits of the whole model, with no layer standing in for another."""
    given = probe.root
    try:
        output = interpreter.call(model, list(given.args), dict(given.kwargs), given.where)
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise NotUnderstood(f"{type(error).__name__}: {error}", given.where) from error
    logits = output.field("logits") if hasattr(output, "field") else output
    if not isinstance(logits, Tensor):
        raise NotUnderstood("an output without logits of all tokens", given.where)
    return logits.a
