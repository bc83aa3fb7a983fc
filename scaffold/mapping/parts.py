"""The parts around a text decoder, as the names of a checkpoint's tensors tell them. They are not read yet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from scaffold.checkpoint.headers import Form
from scaffold.checkpoint.modalities import MODALITIES, PROJECTORS
from scaffold.checkpoint.patterns import patterns
from scaffold.checkpoint.prediction import MODULES
from scaffold.checkpoint.read import Checkpoint
from scaffold.spec.parts import DRAFT_HEAD, PROJECTOR, TOWER, Part
from scaffold.weights.rules import REST, Rule
from scaffold.weights.scope import Scope

NOT_READ = "no reader for this kind of part yet"
TOWERS = tuple(word for modality in MODALITIES for word in modality.words)
KINDS = {**dict.fromkeys(TOWERS, TOWER), **dict.fromkeys(PROJECTORS, PROJECTOR), **dict.fromkeys(MODULES, DRAFT_HEAD)}
"""A module's name → the kind of part that it is, or belongs to."""
INSIDE = ("eh_proj", "enorm", "hnorm")
"""Modules that lie side by side in a draft head, which has no name of its own but a number."""
_WORD = re.compile(rf"(?:^|(?<=\.))(?:{'|'.join(map(re.escape, KINDS))})(?=\.|$)")


def other_parts(checkpoint: Checkpoint) -> tuple[Part, ...]:
    """Return towers, projectors and draft heads, in the order of their first tensors."""
    forms = checkpoint.weights.forms
    if _WORD.search(".".join(forms)) is None:
        return ()
    return tuple(_parts(forms))


def part_rules(parts: Iterable[Part]) -> Iterator[Rule]:
    """Yield the rules that leave the tensors of parts out of a text decoder's weights, each by the part's name."""
    for part in parts:
        if not any(mark in part.name for mark in "{}"):  # as in no name that a model has; rules have captures there
            yield Scope(f"{part.name}.").ignored(f"{{{REST}}}", f"the {part.kind} {part.name}: {part.left_out}")


def _parts(forms: Mapping[str, Form]) -> Iterator[Part]:
    places = {place: kind for name in forms for place, kind in _place(name)}
    own: dict[str, dict[str, Form]] = {place: {} for place in places}
    for name, form in forms.items():
        pieces = name.split(".")
        beginnings = (".".join(pieces[:n]) for n in range(1, len(pieces)))
        place = next((beginning for beginning in beginnings if beginning in places), None)
        if place is not None:
            own[place][name] = form
    for place, kind in places.items():
        if own[place]:
            yield Part(kind, place, patterns(own[place]), left_out=NOT_READ)


def _place(name: str) -> Iterator[tuple[str, str]]:
    """Yield the module that is the part which a tensor says it belongs to, with its kind."""
    found = _WORD.search(name)
    if found is not None:
        end = found.start() - 1 if found[0] in INSIDE else found.end()
        yield name[:end], KINDS[found[0]]
