"""Reads a whole decoder: embedding, layers, final norm, head; each block by its own reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from itertools import pairwise, takewhile

import numpy as np

from scaffold.expressions.evaluate import evaluate
from scaffold.expressions.python import shown
from scaffold.expressions.uses import needs_layer
from scaffold.probing import norms
from scaffold.probing.attention_core import caps
from scaffold.probing.blocks import definition
from scaffold.probing.made import TIED
from scaffold.probing.numbers import explain
from scaffold.probing.numeric import same
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.probing.values import size_value
from scaffold.reading import embeddings, layer, rounding
from scaffold.reading.runs import norm_between, run_in_place, times, without_effect
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.alike import returned_by, signature
from scaffold.source.torch.events import Event
from scaffold.source.torch.layers import Linear
from scaffold.source.torch.operations import tensors_in
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.spec.decoder import DecoderSpec, EmbeddingSpec
from scaffold.spec.layers import LayerSpec
from scaffold.spec.values import Value

HEAD = "lm_head"
"""What a head is called that has no module of its own."""


def read(probe: Probe) -> DecoderSpec:
    """Read the decoder that the probe ran.

    Raises:
        NotUnderstood: a part of it is of no known form; says which, and where it is in the source.
    """
    runs = probe.runs()
    if not runs:
        raise NotUnderstood(*_without_layers(probe))
    events = runs[0]
    layers_path = probe.path(events[0].module).rpartition(".")[0]

    def path_of(event: Event) -> str:
        return probe.path(event.module)

    known: dict[str, LayerSpec] = {}
    alike: dict[Event, str] = {}
    specs: list[LayerSpec] = []
    returned = returned_by(event for run in runs for event in run)
    for run in runs:
        of_run: list[LayerSpec] = []
        for event in run:
            event = event.stands_for or event
            if event not in alike:  # what a layer looks at may have changed since: its number of runs, a shared object
                alike[event] = event.begun + signature(event, returned)
            if alike[event] not in known:
                known[alike[event]] = layer.read(probe, event)
            of_run.append(_at(probe, known[alike[event]], len(of_run)))
        if specs and of_run != specs:
            raise NotUnderstood("layers that compute in another way when they run again", run[0].where)
        specs = of_run
    in_place = run_in_place(runs)
    for run in [[event for calls in zip(*runs) for event in calls]] if in_place else runs:
        _in_a_row(run)
    embedding = embeddings.read(probe, events[0].tensors()[0].a.reshape(NUM_TOKENS, -1), path_of)
    last = runs[-1][-1].result().a.reshape(NUM_TOKENS, -1)
    norm = _final_norm(probe, last)
    each = False if in_place else norm_between(probe, runs, norm)
    head = _head(probe)
    given = last if norm is None else norm.result().a.reshape(NUM_TOKENS, -1)
    weight, unit_rows = _saved_head(probe, head)
    scale, cap = _logits(probe, head, weight, given)
    _written_to(probe, head)
    key = probe.key("num_layers")
    norm_path = "" if norm is None else path_of(norm)
    names = _paths(embedding)
    base = _common((layers_path, *names, norm_path))

    def relative(path: str) -> str:
        return path.removeprefix(f"{base}.") if base else path

    unused = _unused(probe, layers_path)
    paths = {probe.path(one.module) for one in (norm, head) if one is not None} | {*unused, *names}
    idle = without_effect(probe, paths, layers_path) if len(runs) > 1 else ()
    return DecoderSpec(
        base_name=base,
        embedding=_inside(embedding, relative),
        layers_name=relative(layers_path),
        norm_name=relative(norm_path),
        head_name=_head_name(probe, head, embedding),
        norm=None if norm is None else norms.identify(probe, norm),
        layers=tuple(specs),
        hidden_size=size_value(probe, "hidden_size", last.shape[1]),
        num_layers=Value(len(events), key),
        vocab_size=size_value(probe, "vocab_size", head.result().shape[-1]),
        tied=_tied(probe, head, embedding),
        head_bias=isinstance(head.module.attributes.get("bias"), Tensor) if head.module else False,
        logits_scale=scale,
        logits_soft_cap=cap,
        head_unit_rows=unit_rows,
        buffers=_buffers(probe, layers_path),
        unused=unused,
        runs=times(probe, len(runs)),
        norm_each_run=each,
        run_in_place=in_place,
        without_effect=idle,
        rounded=_rounded(probe),
        config=probe.completed,
        given_mask=probe.given_mask,
        listed=probe.listed,
        text_key=probe.outer.text_key if probe.outer else "",
    )


def _in_a_row(events: Sequence[Event]) -> None:
    """Check that each layer takes what the one before gave, and nothing happens to it on the way.

    Raises:
        NotUnderstood: something does, such as a factor between two layers or one more residual.
    """
    for number, (one, following) in enumerate(pairwise(events)):
        given, taken = one.result().a, following.tensors()[0].a
        if given.size != taken.size or not same(given.reshape(-1), taken.reshape(-1)):
            raise NotUnderstood(f"what happens between layers {number} and {number + 1}", following.where)


def _paths(embedding: EmbeddingSpec) -> tuple[str, ...]:
    """Return the paths of what an embedding is made of."""
    found = (embedding.positions, embedding.norm)
    return (embedding.name, *(one[0] for one in found if one is not None))


def _common(paths: Iterable[str]) -> str:
    """Return the path of the module that holds all modules of these paths; empty ones are none."""
    parents = [path.split(".")[:-1] for path in paths if path]
    shared = takewhile(lambda names: len(set(names)) == 1, zip(*parents))
    return ".".join(names[0] for names in shared)


def _inside(embedding: EmbeddingSpec, relative: Callable[[str], str]) -> EmbeddingSpec:
    """Return an embedding with the names that it has inside of the decoder."""
    positions, norm = embedding.positions, embedding.norm
    return replace(
        embedding,
        name=relative(embedding.name),
        positions=None if positions is None else (relative(positions[0]), positions[1]),
        norm=None if norm is None else (relative(norm[0]), norm[1]),
    )


def _buffers(probe: Probe, layers: str) -> tuple[str, ...]:
    """Return the names of saved buffers that the source makes of no weights, those of layers below their layer."""
    found = set()
    for name, tensor in probe.model.saved_tensors():
        if _is_made(tensor):
            inside = name.removeprefix(f"{layers}.")
            found.add(f"{layers}.{{layer}}.{inside.partition('.')[2]}" if inside != name else name)
    return tuple(sorted(found))


def _is_made(tensor: Tensor) -> bool:
    """Return whether a saved tensor is one that the source makes of no weights."""
    return tensor.role == "buffer" and tensor.origin is not None


def _unused(probe: Probe, layers: str) -> tuple[str, ...]:
    """Return the outermost modules with tensors of which nothing is computed, such as heads for further tokens.

    Layers are not asked, as one of them runs for all that are like it; nor is the source of the library, whose
    checkpoints have other names. What the source makes of no weights is none of them: see ``_buffers``.
    """
    if probe.source.library is not None:
        return ()
    used = {id(one) for op in probe.root.all_operations() for one in tensors_in((op.args, op.kwargs))}
    found: list[str] = []
    for path, module in probe.model.modules():
        if not path or f"{path}.".startswith((f"{layers}.", *(f"{one}." for one in found))):
            continue
        tensors = [tensor for _, tensor in module.saved_tensors() if not _is_made(tensor)]
        if tensors and not any(id(tensor) in used for tensor in tensors):
            found.append(path)
    return tuple(found)


def _rounded(probe: Probe) -> tuple[str, ...]:
    """Return where the source rounds to 16 bits by a type that it names itself."""
    return tuple(sorted({op.where for op, _ in rounding.conversions(probe)}))


def _without_layers(probe: Probe) -> tuple[str, str]:
    """Return why there is no list of layers that are called one after the other, and where."""
    left = probe.passed_over()
    odd = _odd_list(probe)
    if odd:
        return odd, probe.source.file.shown
    again = _called_again(probe)
    if again is not None:
        return again
    if not left:
        return "no list of layers that are called one after the other", probe.source.file.shown
    numbers = ", ".join(probe.path(module).rpartition(".")[2] for module in left)
    cls = left[0].cls
    where = cls.file.lines(cls.node) if cls else probe.source.file.shown
    return f"layers that text alone does not go through: {numbers} ({left[0].kind})", where


def _odd_list(probe: Probe) -> str:
    """Return what is odd about a list that holds the layers, empty if nothing is, or there is no such list."""
    calls: dict[str, list[Event]] = {}
    for event in probe.root.walk():
        parent, _, name = probe.path(event.module).rpartition(".")
        if name.isdigit():
            calls.setdefault(parent, []).append(event)
    layers = probe.num_layers()
    for parent, events in calls.items():
        modules = len({id(event.module) for event in events})
        if layers and layers < modules <= layers + 2 and len(events) == modules:
            return f"a list of layers that holds other modules, too ({parent}: {modules} for {layers} layers)"
    return ""


def _called_again(probe: Probe) -> tuple[str, str] | None:
    """Return that a layer is called several times in a row, as where two share one layer's weights, and where."""
    calls: dict[int, list[Event]] = {}
    for event in probe.root.walk():
        if probe.path(event.module).rpartition(".")[2].isdigit():
            calls.setdefault(id(event.module), []).append(event)
    counts = {len(events) for events in calls.values()}
    if len(calls) != probe.num_layers() or counts == {1} or not counts:
        return None
    first = next(events for events in calls.values() if len(events) > 1)
    path = probe.path(first[0].module)
    return f"layers that run more than once, each before the next ({path}: {len(first)} times)", definition(first[0])


def _at(probe: Probe, spec: LayerSpec, number: int) -> LayerSpec:
    """Return the spec of a layer if what it takes from a list of the config stands at its place there.

    Raises:
        NotUnderstood: another layer's does.
    """
    for key, seen in spec.listed:
        if float(probe.small.attributes[key][number]) != seen:
            raise NotUnderstood(f"the rotation of layer {number} does not turn by {key}[{number}]", spec.source)
    for value in _sizes_of_layer(spec):
        own = evaluate(value.tree, probe.completed, number)
        if own != value.value:
            raise NotUnderstood(f"layer {number} has {value.value} where {shown(value.tree)} is {own}", spec.source)
    return spec


def _sizes_of_layer(spec: object) -> Iterator[Value]:
    """Yield the values of a spec that an adapter looks up by the layer's number."""
    if isinstance(spec, Value):
        if needs_layer(spec.tree):
            yield spec
    elif isinstance(spec, tuple):
        for one in spec:
            yield from _sizes_of_layer(one)
    elif is_dataclass(spec):
        for field in fields(spec):
            yield from _sizes_of_layer(getattr(spec, field.name))


def _final_norm(probe: Probe, last: Array) -> Event | None:
    for event in probe.root.walk():
        if not norms.looks_like_norm(event) or event.tensors()[0].a.size != last.size:
            continue
        if same(event.tensors()[0].a.reshape(last.shape), last):
            return event
    return None


def _head(probe: Probe) -> Event:
    vocab = probe.size_of("vocab_size")
    for event in probe.root.walk():
        if isinstance(event.module, Linear) and event.result().shape[-1] == vocab:
            return event
    for event in probe.root.walk():  # a class of the source's own
        weight = event.module.attributes.get("weight") if event.module is not None else None
        gives = isinstance(event.output, Tensor) and event.result().shape[-1:] == (vocab,)
        if gives and not event.inside and isinstance(weight, Tensor) and weight.ndim == 2:
            return event
    for op in probe.root.all_operations():  # with the weight of a module that is none of its own
        x, weight, bias = (*op.args, None, None, None)[:3] if op.name == "linear" else (None, None, None)
        if isinstance(weight, Tensor) and weight.role == "parameter" and weight.shape[0] == vocab:
            module = Linear(np.random.default_rng(), weight.shape[1], weight.shape[0], bias=bias is not None)
            module.attributes |= {"weight": weight, **({"bias": bias} if bias is not None else {})}
            return Event(HEAD, module, (x,), {}, op.where, op.output)
    raise NotUnderstood("no head: no linear layer to the vocabulary", probe.root.where)


def _head_name(probe: Probe, head: Event, embedding: EmbeddingSpec) -> str:
    """Return the path of the head, a word for one that is the embedding itself.

    Raises:
        NotUnderstood: its weight is that of no module that computes with it, and not the embedding's.
    """
    path = probe.path(head.module)
    if path and path != embedding.name:
        return path
    weights = (one.attributes.get("weight") for _, one in probe.model.modules() if probe.path(one) == embedding.name)
    used = _as_saved(head.module.attributes["weight"]) if head.module is not None else None
    if not any(isinstance(one, Tensor) and used is not None and same(one.a, used.a) for one in weights):
        raise NotUnderstood("a head whose weight is no layer's", head.where)
    return HEAD


def _tied(probe: Probe, head: Event, embedding: EmbeddingSpec) -> Value:
    """Return whether the head is the embedding: as the config says, or in any case where the source makes no other.

    Source may decide that by a switch of its own (``F.linear(x, self.embed_tokens.weight)``) and leave
    ``tie_word_embeddings`` false.
    """
    is_embedding = probe.path(head.module) in ("", embedding.name)
    return Value(True) if is_embedding and not probe.tied else Value(probe.tied, TIED)


def _as_saved(weight: Tensor) -> Tensor:
    """Return the saved tensor that a weight is made of."""
    while not weight.role and weight.origin is not None and weight.origin.args:
        weight = weight.origin.args[0]
    return weight


def _saved_head(probe: Probe, head: Event) -> tuple[Array, bool]:
    """Return the head's weight as it is used, and whether that is the saved one with rows of length one.

    Raises:
        NotUnderstood: it is neither the saved one nor that.
    """
    assert head.module is not None
    weight = head.module.attributes["weight"]
    saved = _as_saved(weight)
    if isinstance(head.module, Linear) and weight is saved:
        return weight.a, False  # PyTorch's own layer computes with what it has
    unit = saved.a / np.maximum(np.linalg.norm(saved.a, axis=-1, keepdims=True), 1e-12)
    if saved.role == "parameter":
        x = head.tensors()[0].a
        if same(x @ unit.T, head.result().a) and not same(x @ saved.a.T, head.result().a):
            return unit, True
        if weight is saved:
            return saved.a, False
    raise NotUnderstood("a head whose weight is not the saved one", definition(head))


def _written_to(probe: Probe, spec_head: Event) -> None:
    """Check that the model writes to none of its parameters as it runs, but for the head's weight.

    Raises:
        NotUnderstood: it does.
    """
    allowed = f"{probe.path(spec_head.module)}.weight"
    now = {name for name, _ in probe.model.saved_tensors()}
    lost = sorted(probe.saved - now - {allowed})
    if lost:
        raise NotUnderstood(f"the parameter {lost[0]}, which the model writes to as it runs", probe.source.file.shown)


def _logits(probe: Probe, head: Event, weight: Array, given: Array) -> tuple[Value, Value | None]:
    """Return the factor on the logits and their soft cap."""
    assert head.module is not None
    bias = head.module.attributes.get("bias")
    plain = given @ weight.T + (bias.a if isinstance(bias, Tensor) else 0.0)
    output = probe.root.output
    logits = output.field("logits") if hasattr(output, "field") else output
    if not isinstance(logits, Tensor) or logits.a.size != plain.size:
        raise NotUnderstood("an output without logits of all tokens", head.where)
    found = logits.a.reshape(plain.shape)
    for cap in (None, *caps(probe)):
        inside = found if cap is None else cap * np.arctanh(np.clip(found / cap, -1 + 1e-16, 1 - 1e-16))
        factor = float(np.vdot(plain, inside) / np.vdot(plain, plain))
        if same(plain * factor, inside) or (cap is not None and same(cap * np.tanh(plain * factor / cap), found)):
            scale, cap_value = explain(probe, factor), None if cap is None else explain(probe, cap)
            if scale is not None and (cap is None or cap_value is not None):
                return scale, cap_value
    raise NotUnderstood("what happens to the logits after the head", head.where)
