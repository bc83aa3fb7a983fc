"""Layers for multi-token prediction: what the config promises, and whether the tensors are there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from scaffold.checkpoint.facts import Evidence, Fact
from scaffold.checkpoint.headers import Form
from scaffold.checkpoint.patterns import Pattern
from scaffold.vocabulary.lookup import at, key_of, spellings

ERNIES = ("mtp_block", "mtp_emb_norm", "mtp_hidden_norm", "mtp_linear_proj")
"""Those of vllm/model_executor/models/ernie_mtp.py."""
MODULES = ("mtp", "mtp_layers", "nextn", "eh_proj", "enorm", "hnorm", *ERNIES)
"""Names of modules in such layers."""
_TENSORS = re.compile(rf"(^|\.)({'|'.join(MODULES)})(\.|$)")
LISTS = ("layers", "h", "blocks", "layer")
"""Names of a list of layers."""
_LAYER = re.compile(rf"(?:[^.\s]+\.)*?(?:{'|'.join(LISTS)})\.(\d{{1,6}})\.")
QUANTISED = ("F8_E4M3", "F8_E5M2", "I8", "U8", "I32")


class State(Enum):
    """What config and tensors together say about such layers."""

    NONE = "none"
    THERE = "there"
    ABSENT = "promised, and not there"
    UNPROMISED = "there, and not promised"
    UNKNOWN = "promised, and there under names that are not known"


@dataclass(frozen=True)
class Found:
    """What was found about such layers.

    Attributes:
        key: the config's key that promises them; None without one.
        promised: their number.
        names: patterns of their tensors.
        plain: they are not quantised, but the layers of the model are.
    """

    state: State
    key: str | None
    promised: int
    names: tuple[str, ...] = ()
    plain: bool = False


def promise(text_config: Mapping[str, Any]) -> tuple[str | None, int]:
    """Return the key that promises layers for multi-token prediction, None if none does, and their number."""
    key = next((key for key in spellings("mtp_layers") if type(at(text_config, key)) is int), None)
    return key, at(text_config, key) if key else 0


def found(text_config: Mapping[str, Any], patterns: Sequence[Pattern], forms: Mapping[str, Form]) -> Found:
    """Return what config and tensors say.

    Args:
        text_config: the language model's.
        patterns: of all tensors.
        forms: all tensors by name; a layer beyond the last one is found by its number.
    """
    key, promised = promise(text_config)
    named = [p for p in patterns if _TENSORS.search(p.name)]
    beyond = _beyond(text_config, forms) if promised or named else ()
    quantised = any(p.dtype in QUANTISED and len(p.shape) > 1 for p in patterns)
    own = {forms[name].dtype for name in beyond} | {p.dtype for p in named}
    plain = quantised and bool(own) and not own & set(QUANTISED)
    if named:
        state = State.THERE if promised else State.UNPROMISED
        return Found(state, key, promised, tuple(p.name for p in named), plain)
    if promised:
        return Found(State.UNKNOWN if beyond else State.ABSENT, key, promised, beyond, plain)
    return Found(State.NONE, key, 0)


def layers_beyond(text_config: Mapping[str, Any], forms: Mapping[str, Form]) -> tuple[str, ...]:
    """Return the layers that the config promises, by their numbers after the model's own, such as ``model.layers.46``.

    At most as many as are promised; none without a promise.
    """
    promised = promise(text_config)[1]
    found: dict[str, None] = {}
    for name in _beyond(text_config, forms) if promised else ():
        layer = _LAYER.match(name)
        assert layer is not None
        found[layer[0].removesuffix(".")] = None
    return tuple(sorted(found, key=lambda place: int(place.rpartition(".")[2]))[:promised])


def _beyond(text_config: Mapping[str, Any], forms: Mapping[str, Form]) -> tuple[str, ...]:
    """Return the tensors of layers whose numbers are those after the model's own, in the order of the files."""
    layers_key = key_of("num_layers", text_config)
    count = at(text_config, layers_key) if layers_key else None
    if type(count) is not int:
        return ()
    text = "\n".join(forms)  # searched at once: most models have a hundred thousand names and no such layer
    found: dict[str, None] = {}
    number = count
    while own := list(_of_layer(text, number)):
        found |= dict.fromkeys(own)
        number += 1
    return tuple(name for name in forms if name in found) if found else ()


def _of_layer(text: str, number: int) -> Iterator[str]:
    """Yield the lines of a text that name a tensor of a layer by number."""
    for word in LISTS:
        mark = f"{word}.{number}."
        at_mark = text.find(mark)
        while at_mark >= 0:
            begin, end = text.rfind("\n", 0, at_mark) + 1, text.find("\n", at_mark)
            name = text[begin : end if end >= 0 else len(text)]
            layer = _LAYER.match(name)
            if layer is not None and int(layer[1]) == number:
                yield name
            at_mark = text.find(mark, at_mark + len(mark))


def facts(text_config: Mapping[str, Any], patterns: Sequence[Pattern], forms: Mapping[str, Form]) -> Iterator[Fact]:
    """Yield one fact."""
    layers = found(text_config, patterns, forms)
    evidence = [Evidence("config", layers.key, str(layers.promised))] if layers.key else []
    counts = {p.name: p.count for p in patterns}
    evidence += [Evidence("tensor", name, f"{counts.get(name, 1)} of them") for name in layers.names[:2]]
    number = f"{layers.promised} layer{'s' if layers.promised > 1 else ''}"
    form = ", plain in a quantised checkpoint" if layers.plain else ""
    value = {
        State.NONE: "none",
        State.THERE: f"{number}, its tensors are there{form}",
        State.ABSENT: f"{layers.promised} by the config, and no tensor of it",
        State.UNPROMISED: f"tensors of it, and the config does not promise any layer{form}",
        State.UNKNOWN: f"{number} by the config, and tensors under names that are not known{form}",
    }[layers.state]
    yield Fact("multi-token prediction", value, tuple(evidence))
