"""The layers of one decoder under names that begin in more than one way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import Subject
from scaffold.vocabulary.lookup import at

KIND = "beginnings of names"
_IN_LAYER = re.compile(r"^((?:[^.]+\.)*?)((?:layers|h|blocks|layer)\.)(\d{1,6})\.(.+)$")
"""What comes before the list of layers, the list, the layer, and the rest."""
_OF_PATTERN = re.compile(_IN_LAYER.pattern.replace(r"\d{1,6}", r"\*"))


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield where the config's layers are all there, some under another beginning than the others."""
    places = split_layers(subject)
    if not places:
        return
    key = subject.key("num_layers") or ""
    told = " and ".join(f'"{begin}{name}" ({_numbers(found)})' for (begin, name), found in sorted(places.items()))
    yield Disagreement(
        KIND,
        subject.said(key),
        Said(", ".join(f"{begin}{name}*" for begin, name in sorted(places)), f"names of layers begin with {told}"),
        serves="an implementation has its layers under one name: the others have no parameter, and stay empty in it",
        remedy="give the tensors one beginning, as a script that saved a part of a wrapped model may have left two",
        decides=True,
    )


def split_layers(subject: Subject) -> dict[tuple[str, str], frozenset[int]]:
    """Return where the layers are and which: empty unless they are in several places and make up the config's count.

    Layers of two parts of a model, such as encoder and decoder, are counted from zero each, and so are none of these.
    """
    key = subject.key("num_layers")
    count = at(subject.text, key) if key else None
    if type(count) is not int:
        return {}
    by_rest: dict[str, dict[tuple[str, str], set[int]]] = {}
    own = subject.names
    for name in subject.forms if _may_be_split(own) else ():
        found = _IN_LAYER.match(name)
        if found is not None and f"{found[1]}{found[2]}*.{re.sub(r'(?<=[.])[0-9]+(?=[.])', '*', found[4])}" in own:
            by_rest.setdefault(found[4], {}).setdefault((found[1], found[2]), set()).add(int(found[3]))
    for places in by_rest.values():
        numbers = [number for found in places.values() for number in found]
        if len(places) > 1 and sorted(numbers) == list(range(count)):
            return {place: frozenset(found) for place, found in places.items()}
    return {}


def _may_be_split(patterns: Iterable[str]) -> bool:
    """Return whether one of the patterns is that of tensors in layers of two places: that of few checkpoints is."""
    places: dict[str, str] = {}
    found = (match for match in map(_OF_PATTERN.match, patterns) if match is not None)
    return any(places.setdefault(match[4], match[1] + match[2]) != match[1] + match[2] for match in found)


def _numbers(found: frozenset[int]) -> str:
    first, last = min(found), max(found)
    if len(found) == 1:
        return f"layer {first}"
    return f"layers {first} to {last}" if len(found) == last - first + 1 else f"{len(found)} layers"
