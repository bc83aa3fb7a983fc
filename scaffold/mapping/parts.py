"""The parts around a text decoder, as the names of a checkpoint's tensors tell them. They are not read yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from scaffold.checkpoint.headers import Form
from scaffold.checkpoint.modalities import MODALITIES, PROJECTORS
from scaffold.checkpoint.patterns import patterns
from scaffold.checkpoint.prediction import MODULES, layers_beyond
from scaffold.checkpoint.read import Checkpoint
from scaffold.spec.parts import DRAFT_HEAD, PROJECTOR, TOWER, Part
from scaffold.weights.rules import REST, Rule
from scaffold.weights.scope import Scope

NOT_READ = "no reader for this kind of part yet"
NO_DRAFTS = "the model answers without it; it is for drafts (method mtp), for which no class is generated"
TOWERS = tuple(word for modality in MODALITIES for word in modality.words)
KINDS = {**dict.fromkeys(TOWERS, TOWER), **dict.fromkeys(PROJECTORS, PROJECTOR), **dict.fromkeys(MODULES, DRAFT_HEAD)}
"""A module's name → the kind of part that it is, or belongs to."""
INSIDE = ("eh_proj", "enorm", "hnorm")
"""Modules that lie side by side in a draft head, which has no name of its own but a number."""


def other_parts(checkpoint: Checkpoint) -> tuple[Part, ...]:
    """Return towers, projectors and draft heads, in the order of their first tensors."""
    forms = checkpoint.weights.forms
    places = _places(forms)
    beyond = [place for place in layers_beyond(checkpoint.text_config, forms) if not _is_in(place, places)]
    places |= dict.fromkeys(beyond, DRAFT_HEAD)
    beginnings = tuple(f"{place}." for place in places)
    own: dict[str, dict[str, Form]] = {place: {} for place in places}
    for name in [name for name in forms if name.startswith(beginnings)]:
        own[next(place for place in places if name.startswith(f"{place}."))][name] = forms[name]
    return tuple(
        Part(kind, place, patterns(own[place]), left_out=NO_DRAFTS if kind == DRAFT_HEAD else NOT_READ)
        for place, kind in places.items()
        if own[place]
    )


def part_rules(parts: Iterable[Part]) -> Iterator[Rule]:
    """Yield the rules that leave the tensors of parts out of a text decoder's weights, each by the part's name."""
    for part in parts:
        if not any(mark in part.name for mark in "{}"):  # as in no name that a model has; rules have captures there
            yield Scope(f"{part.name}.").ignored(f"{{{REST}}}", f"the {part.kind} {part.name}: {part.left_out}")


def _is_in(place: str, others: Iterable[str]) -> bool:
    """Return whether a module is one of others, or lies in one."""
    return any(place == other or place.startswith(f"{other}.") for other in others)


def _places(names: Iterable[str]) -> dict[str, str]:
    """Return the modules that are parts, each with its kind; none lies in another.

    All names are searched at once: of the hundred thousand that a model of experts has, a thousand are of a part.
    """
    text = "\n".join(names)
    found: dict[str, tuple[int, str]] = {}
    for word, kind in KINDS.items():
        at = text.find(word)
        while at >= 0:
            end, begin = at + len(word), text.rfind("\n", 0, at) + 1
            if text[at - 1 : at] in ("", ".", "\n") and text[end : end + 1] in ("", ".", "\n"):
                place = text[begin : at - 1 if word in INSIDE else end]
                found[place] = min(found.get(place, (at, kind)), (at, kind))
            at = text.find(word, end)
    outermost = [place for place in found if not _is_in(place, [other for other in found if other != place])]
    return {place: found[place][1] for place in sorted(outermost, key=lambda place: found[place][0])}
