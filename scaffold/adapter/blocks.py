"""The blocks of a decoder's layers: the classes that their kinds write, and which layers have which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from scaffold.expressions.python import write
from scaffold.expressions.tree import TRUE
from scaffold.expressions.uses import needs_layer
from scaffold.feed_forwards import table as feed_forwards
from scaffold.feed_forwards.protocol import FeedForward, Inner
from scaffold.idioms.frame import Frame
from scaffold.idioms.per_layer import HINTS, PerLayer
from scaffold.idioms.written import Loader, Written
from scaffold.mixers import table as mixers
from scaffold.mixers.protocol import Mixer
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.layers import BlockSpec, FeedForwardSpec, LayerSpec, MixerSpec
from scaffold.weights.targets import attribute


@dataclass(frozen=True)
class Branch:
    """How a layer makes a block.

    Attributes:
        condition: which layers make this one; empty for all that are left.
        lines: statements.
    """

    condition: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Blocks:
    """The mixers of all layers, or their feed-forward blocks.

    Attributes:
        written: what each kind brings, in the order of the classes.
        name: the attribute of a layer that holds the block; that of the first kind, where kinds have different ones.
        setup: statements of a layer before it chooses.
        choices: how a layer makes its block.
        call: what a layer's ``forward`` calls.
        pick: the statement of ``forward`` that makes ``call`` a name, where kinds have different attributes.
        layer_idx: the choices read the number of the layer.
    """

    written: tuple[Written, ...]
    name: str
    setup: tuple[str, ...]
    choices: tuple[Branch, ...]
    call: str
    pick: tuple[str, ...]
    layer_idx: bool


def mixers_of(layers: Sequence[LayerSpec], frame: Frame) -> Blocks:
    """Return the mixers of a decoder.

    Raises:
        NotUnderstood: there is no idiom for one of them, or for how layers differ.
    """
    specs: list[MixerSpec] = [layer.mixer for layer in layers]
    kinds = [mixers.kind_of(spec) for spec in specs]
    found = [kind for kind in mixers.kinds() if kind in kinds]
    if frame.runs and any(not kind.RUNS_AGAIN for kind in found):
        raise NotUnderstood("no idiom yet for such a mixer in layers that run more than once", specs[0].source)
    written = [
        kind.write([spec if k is kind else None for spec, k in zip(specs, kinds)], name, frame)
        for kind, name in zip(found, _class_names(found, frame))
    ]
    names = [_name([s for s, k in zip(specs, kinds) if k is kind], "self_attn") for kind in found]
    flags = [[k is kind for k in kinds] for kind in found]
    found_blocks = _blocks("mixer", written, list(zip(names, written)), flags, PerLayer(frame.config, HINTS["mixer"]))
    return found_blocks if frame.mixers == 1 else _with_more_mixers(found_blocks, layers, frame)


def _with_more_mixers(blocks: Blocks, layers: Sequence[LayerSpec], frame: Frame) -> Blocks:
    """Return the mixers of layers that have several, all of one class.

    What keeps keys and values has a number of its own in its name, by which vLLM counts caches.

    Raises:
        NotUnderstood: layers differ, or run more than once, or the class has one name for all that it holds.
    """
    own = {tuple(attribute(mixer.name) for mixer in layer.mixers) for layer in layers}
    if len(own) > 1 or len(blocks.choices) > 1 or frame.runs or not mixers.kind_of(layers[0].mixer).SEVERAL:
        raise NotUnderstood("no idiom yet for several attention blocks in layers of this kind", layers[0].source)
    (names,) = own
    setup = (
        "# Each attention has a cache of its own, as a layer of its own number.",
        "attn_prefixes = [",
        '    ".".join(',
        f"        str(layer_idx * {len(names)} + number) if part.isdigit() else part",
        '        for part in prefix.split(".")',
        "    )",
        f"    for number in range({len(names)})",
        "]",
    )
    (one,) = blocks.written
    made = [
        one.construct.named(name, f'attn_prefix=f"{{attn_prefixes[{number}]}}.{name}"')
        for number, name in enumerate(names)
    ]
    lines = tuple(line for each in made for line in each.lines)
    written = replace(one, loaders=(*one.loaders, *_more_loaders(layers, frame)))
    return replace(
        blocks, written=(written,), setup=(*blocks.setup, *setup), choices=(Branch("", lines),), layer_idx=True
    )


def _more_loaders(layers: Sequence[LayerSpec], frame: Frame) -> Iterator[Loader]:
    """Yield what loads the tensors of the mixers but for each layer's first, whose loaders name its tensors alone."""
    for mixers_at in zip(*(layer.more_mixers for layer in layers)):
        name = attribute(mixers_at[0].name)
        for one in mixers.kind_of(mixers_at[0]).write(mixers_at, "", frame).loaders:
            yield one.named(f"{one.name}_of_{name}")


def feed_forwards_of(layers: Sequence[LayerSpec], frame: Frame) -> Blocks:
    """Return the feed-forward blocks of a decoder. A kind that occurs only inside others has a class, and no choice.

    Raises:
        NotUnderstood: there is no idiom for one of them, or for how layers differ.
    """
    specs: list[FeedForwardSpec] = [layer.feed_forward for layer in layers]
    kinds = [feed_forwards.kind_of(spec) for spec in specs]
    inner = [one for spec in dict.fromkeys(specs) for one in feed_forwards.kind_of(spec).inner(spec)]
    inner += dict.fromkeys(Inner(layer.beside, gated=False) for layer in layers if layer.beside is not None)
    inside = [feed_forwards.kind_of(one.spec) for one in inner]
    names = {
        kind: _name([s for s, k in zip(specs, kinds) if k is kind], "mlp") if kind in kinds else ""
        for kind in feed_forwards.kinds()
    }

    def written_by(kind: FeedForward) -> Written:
        own = [spec if k is kind else None for spec, k in zip(specs, kinds)]
        return kind.write(own, [one for one, k in zip(inner, inside) if k is kind], names[kind], frame)

    every = {kind: written_by(kind) for kind in feed_forwards.kinds() if kind in kinds or kind in inside}
    found = [kind for kind in every if kind in kinds]
    flags = [[k is kind for k in kinds] for kind in found]
    own = [(names[kind], every[kind]) for kind in found]
    written = [*reversed(every.values())]  # kinds that hold others come first in the table, and last in the file
    return _blocks("feed_forward", written, own, flags, PerLayer(frame.config, HINTS["feed_forward"]))


def beside_of(layers: Sequence[LayerSpec], frame: Frame) -> tuple[Branch, bool] | None:
    """Return how layers make a second feed-forward block, and whether that reads the layer's number; None without one.

    Raises:
        NotUnderstood: there is no idiom for it, or for how layers differ.
    """
    specs = [layer.beside for layer in layers]
    own = [spec for spec in specs if spec is not None]
    kinds = {kind.NAME: kind for kind in map(feed_forwards.kind_of, own)}
    if not kinds:
        return None
    if len(kinds) > 1:
        raise NotUnderstood("no idiom yet for second feed-forward blocks of several kinds", own[0].source)
    (kind,) = kinds.values()
    written = kind.write(specs, (), _name(own, "mlp"), frame)
    condition = PerLayer(frame.config, HINTS["feed_forward"]).condition([spec is not None for spec in specs])
    further = {tuple(attribute(one.name) for one in layer.more_beside) for layer in layers if layer.beside is not None}
    if len(further) > 1:
        raise NotUnderstood("no idiom yet for layers with different numbers of dense blocks", own[0].source)
    made = [written.construct, *map(written.construct.named, further.pop())]
    lines = tuple(line for one in made for line in one.lines)
    needs_number = written.layer_idx or needs_layer(condition)
    return Branch("" if condition == TRUE else write(condition), lines), needs_number


def _name(specs: Sequence[BlockSpec], fallback: str) -> str:
    names = {attribute(spec.name, fallback) for spec in specs}
    if len(names) > 1:
        raise NotUnderstood("no idiom yet for blocks of one kind that have different names", specs[0].source)
    return names.pop()


def _class_names(kinds: Sequence[Mixer], frame: Frame) -> list[str]:
    """Return the name of each kind's class; two with the same ending have the kind's name in them."""
    endings = [kind.CLASS for kind in kinds]
    return [
        frame.prefix + (kind.CLASS if endings.count(kind.CLASS) == 1 else f"{_camel(kind.NAME)}{kind.CLASS}")
        for kind in kinds
    ]


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.replace("-", " ").split())


def _blocks(
    what: str,
    written: Sequence[Written],
    own: Sequence[tuple[str, Written]],
    flags: Sequence[Sequence[bool]],
    per_layer: PerLayer,
) -> Blocks:
    """Return how layers choose between kinds.

    Args:
        what: the name of the chosen block in ``forward``, where its attribute is not the same in all layers.
        written: what all kinds bring.
        own: attribute and text of those that layers make themselves.
        flags: of each of them, which layers have it.
        per_layer: writes the conditions.
    """
    names, constructs = [name for name, _ in own], [one.construct.lines for _, one in own]
    found = [per_layer.condition(of_kind) for of_kind in flags[:-1]]
    conditions = [*map(write, found), ""]
    layer_idx = any(map(needs_layer, found)) or any(one.layer_idx for _, one in own)
    if len(set(names)) == 1:
        choices = tuple(map(Branch, conditions, constructs))
        return Blocks(tuple(written), names[0], (), choices, f"self.{names[0]}", (), layer_idx)
    has = [f"self.has_{name}" for name in names[:-1]]
    setup = tuple(f"{flag} = {condition}" for flag, condition in zip(has, conditions))
    picked = "".join(f"self.{name} if {flag} else " for name, flag in zip(names, has))
    pick = f"{what} = {picked}self.{names[-1]}"
    return Blocks(tuple(written), names[0], setup, tuple(map(Branch, [*has, ""], constructs)), what, (pick,), layer_idx)
