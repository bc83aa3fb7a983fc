"""The number of layers, and how often the tensors that each layer has are there."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from scaffold.checkpoint.prediction import promise
from scaffold.disagreements.beginnings import split_layers
from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import LAYER, Subject, number
from scaffold.vocabulary.lookup import at

KIND = "layers"
SHOWN = 8
_NUMBERED = re.compile(r"^((?:[^.]+\.)*?(?:layers|h|blocks|layer))\.(\d+)\.")


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield where there are more or fewer layers than the config says; those for multi-token prediction may be more."""
    key = subject.key("num_layers")
    counts: dict[str, int] = {}
    for pattern in subject.own:
        if LAYER.match(pattern.name):
            counts[pattern.name] = counts.get(pattern.name, 0) + pattern.count
    if key is None or not counts or split_layers(subject):
        return
    name = max(counts, key=lambda n: counts[n])
    layers, found = at(subject.text, key), counts[name]
    if found in (layers, layers + promise(subject.text)[1]):
        yield from _gaps(subject, key, name, found)
        return
    if found < layers == _numbered(subject):
        return
    yield Disagreement(
        KIND,
        subject.said(key),
        Said(name, f"there are {number(found)} of {name}"),
        serves="vLLM makes the config's layers: those that are more have no parameter, those that are fewer no weights",
        remedy="check whether config.json and the weights are of the same model, and whether all shards are there",
        decides=True,
        overrides=subject.override(key, found) if found < layers or not promise(subject.text)[1] else {},
    )


def _gaps(subject: Subject, key: str, name: str, count: int) -> Iterator[Disagreement]:
    """Yield that the numbers of the layers are not those from 0 on, as where some were taken out."""
    numbers = [n for n in range(count) if name.replace("*", str(n), 1) in subject.forms]
    if not 0 < len(numbers) < count:
        return
    place = name.partition("*")[0]
    lacks = [str(n) for n in range(count) if not any(one.startswith(f"{place}{n}.") for one in subject.forms)]
    if not lacks:
        return
    yield Disagreement(
        KIND,
        subject.said(key),
        Said(name, f"of the numbers from 0 on, layer {', '.join(lacks[:SHOWN])} is not there, and a later one is"),
        serves="vLLM numbers layers from 0 on: those with other numbers have no parameter",
        remedy="number the layers anew, without gaps; lists with a value for each layer are to follow",
        decides=True,
    )


def _numbered(subject: Subject) -> int:
    """Return how many layers there are by their numbers: layers of several kinds may have no name in common."""
    found: dict[str, set[str]] = defaultdict(set)
    own = {part for name in subject.names for part in [name.partition(".*.")[0]]}
    for name in subject.forms:
        match = _NUMBERED.match(name)
        if match and match[1] in own:
            found[match[1]].add(match[2])
    return max(map(len, found.values()), default=0)
