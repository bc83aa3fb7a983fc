"""Reads how token ids become the first layer's input: the table, a scale, positions, a norm."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from scaffold.probing import norms
from scaffold.probing.numbers import explain
from scaffold.probing.numeric import combination, same
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.spec.decoder import EmbeddingSpec
from scaffold.spec.norms import NormSpec
from scaffold.spec.values import Value


def _fairseq(positions: Array, size: int) -> Array:
    """Sine in the first half, cosine in the second; frequencies from 1 to 1/10000 (tensor2tensor's)."""
    half = size // 2
    angles = positions[:, None] * np.exp(np.arange(half) * -(math.log(10000) / (half - 1)))
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


def _ctrl(positions: Array, size: int) -> Array:
    """Sine in the first half, cosine in the second; frequencies of the Transformer paper."""
    angles = positions[:, None] / 10000.0 ** (2 * (np.arange(size) // 2) / size)
    return np.concatenate([np.sin(angles[:, 0::2]), np.cos(angles[:, 1::2])], axis=1)


SINUSOIDS: dict[str, tuple[Callable[[Array, int], Array], str]] = {
    "tensor2tensor": (_fairseq, "torch.exp(torch.arange(half) * -(math.log(10000) / (half - 1)))"),
    "transformer": (_ctrl, "1.0 / 10000.0 ** (torch.arange(half) / half)"),
}
"""Name → positions ``[tokens]`` and hidden size to ``[tokens, hidden]``; the frequencies in an adapter's words."""
OFFSETS = (0, 1, 2)
"""Numbers that models add to positions before they look them up."""


def read(probe: Probe, first: Array, path: Callable[[Event], str]) -> EmbeddingSpec:
    """Read the embedding.

    Args:
        probe: the probe.
        first: the first layer's input ``[tokens, hidden]``.
        path: from an event to its module's path in the model.

    Raises:
        NotUnderstood: the input comes from the ids in no known way.
    """
    tables = [e for e in probe.root.walk() if _is_table(e)]
    vocab = probe.size_of("vocab_size")
    words = [e for e in tables if e.module is not None and e.module.attributes["weight"].shape[0] == vocab]
    if not words:
        raise NotUnderstood("no embedding of the vocabulary", probe.root.where)
    target, norm = first, None
    for event in probe.root.walk():
        if norms.looks_like_norm(event) and _is(event.result().a, first):
            norm = (path(event), norms.identify(probe, event))
            target = event.tensors()[0].a.reshape(first.shape)
            break
    word = _rows(words[0])
    for event in probe.root.walk():
        if event is words[0] or not _has_table(event):
            continue
        spec = _learned(probe, words[0], event, target, norm, path)
        if spec is not None:
            return spec
    sinusoids = {
        (name, n): f(np.arange(n, n + NUM_TOKENS), word.shape[1]) for name, (f, _) in SINUSOIDS.items() for n in OFFSETS
    }
    for sinusoid, table in ((None, None), *sinusoids.items()):
        basis = {"word": word} if table is None else {"word": word, "sines": table}
        found = combination(target, basis) if word.shape == target.shape else None
        if found is None or len(found) != len(basis) or any(abs(c - 1) > 1e-9 for n, c in found if n != "word"):
            continue
        scale = explain(probe, dict(found)["word"])
        if scale is not None:
            return EmbeddingSpec(path(words[0]), scale, None, sinusoid, None, norm)
    raise NotUnderstood("what happens between the embedding and the first layer", words[0].where)


def _count(probe: Probe, rows: int) -> Value:
    """Return the number of a table's rows: the config's number of positions, and some more."""
    key = probe.key("max_position_embeddings")
    more = rows - probe.size_of("max_position_embeddings")
    if key is None or not 0 <= more <= 2:
        raise NotUnderstood(f"a table of {rows} positions")
    plain = Value(int(probe.completed[key]), key)
    return plain if not more else Value(plain.value + more, None, plain.tree + more)


def _is_table(event: Event) -> bool:
    """Return whether a call looks rows of a table up; subclasses may do more with them."""
    weight = event.module.attributes.get("weight") if event.module else None
    tensors = event.tensors()
    return isinstance(weight, Tensor) and weight.ndim == 2 and bool(tensors) and tensors[0].a.dtype.kind == "i"


def _has_table(event: Event) -> bool:
    """Return whether a call may look positions up: its module's weight is as wide as its result."""
    weight = event.module.attributes.get("weight") if event.module else None
    out = event.output
    return (
        isinstance(weight, Tensor)
        and weight.ndim == 2
        and isinstance(out, Tensor)
        and out.a.size == NUM_TOKENS * weight.shape[1]
    )


def _rows(event: Event) -> Array:
    """Return the rows of the table that the ids choose, ``[tokens, hidden]``."""
    assert event.module is not None
    return np.asarray(event.module.attributes["weight"].a[event.tensors()[0].a].reshape(NUM_TOKENS, -1))


def _is(array: Array, wanted: Array) -> bool:
    return array.size == wanted.size and same(array.reshape(wanted.shape), wanted)


def _learned(
    probe: Probe,
    word: Event,
    table: Event,
    target: Array,
    norm: tuple[str, NormSpec] | None,
    path: Callable[[Event], str],
) -> EmbeddingSpec | None:
    assert table.module is not None
    weight = table.module.attributes["weight"].a
    out = table.result().a.reshape(-1, weight.shape[1])
    for offset in OFFSETS:
        rows = weight[offset : offset + NUM_TOKENS]
        if out.shape != rows.shape or not same(out, rows):
            continue
        found = combination(target, {"word": _rows(word), "position": rows})
        if found is None or len(found) != 2 or abs(dict(found)["position"] - 1) > 1e-9:
            return None
        scale = explain(probe, dict(found)["word"])
        if scale is not None:
            return EmbeddingSpec(path(word), scale, (path(table), offset), None, _count(probe, len(weight)), norm)
    return None
