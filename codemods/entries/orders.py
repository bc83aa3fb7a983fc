"""In which order lists are kept: from the entries of a section and a new one to the index before which that goes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codemods.entries.family_place import family_place
from codemods.text.sorted_place import sorted_place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from codemods.entries.entry_list import Entry, Order
    from codemods.entries.listing import Item

_EVERYWHERE = ("vllm", "transformers", "transformers_utils", "models", "configs")
_METHOD = re.compile(r"(?i)p?eagle3?|dflash2?|dspark|xpress|mtp|medusa|assistant|draft")
_ENDING = re.compile(r"For[A-Z]|LMHeadModel$|Model$")


def last(items: Sequence[Item], new: Entry) -> int:
    """Say that a new entry goes last."""
    return len(items)


def by_key(place: Callable[[Sequence[str], str], int]) -> Order:
    """Make an order of a rule for keys alone."""

    def order(items: Sequence[Item], new: Entry) -> int:
        return place([item.key or "" for item in items], new.key)

    return order


def sorted_by(sort_key: Callable[[str], str]) -> Order:
    """Keep what is mostly sorted by ``sort_key`` sorted, see `sorted_place`."""
    return by_key(lambda keys, new: sorted_place([sort_key(key) for key in keys], sort_key(new)))


def architecture_stem(architecture: str) -> str:
    """Return what registries of architectures are sorted by: the name without its ending, ignoring case."""
    return _ENDING.split(architecture, maxsplit=1)[0].casefold()


def by_module(items: Sequence[Item], new: Entry) -> int:
    """Keep what is mostly sorted by the modules that its values name sorted, ignoring case."""
    keys = [_module_stem(item.key or "", item.shown) for item in items]
    return sorted_place(keys, _module_stem(new.key, str(new.value)))


def _module_stem(key: str, module: str) -> str:
    """Return the first part of a module's path that tells modules apart; without one, the key."""
    parts = (part for part in re.findall(r"\w+", module) if part not in _EVERYWHERE)
    return next(parts, key).casefold()


def by_draft(items: Sequence[Item], new: Entry) -> int:
    """Place a speculative model behind the drafts of its method and, of these, of its family.

    The list is in no order of the alphabet. Drafts of one method stand together, and those whose module is given by its
    whole path; the new one follows the first unbroken run of its nearest relatives.
    """
    nearness = [_nearness(item, new) for item in items]
    if not nearness:
        return 0
    begin = nearness.index(max(nearness))
    return next((n for n in range(begin, len(items)) if nearness[n] != nearness[begin]), len(items))


def _nearness(item: Item, new: Entry) -> tuple[bool, bool, bool]:
    one, other = item.key or "", new.key
    is_whole = _has_path(item.shown) == _has_path(str(new.value))
    return _method(one) == _method(other), _family(one) == _family(other), is_whole


def _method(architecture: str) -> str:
    """Return the method of a draft that its name tells, "" if it tells none."""
    match = _METHOD.search(architecture)
    return match[0].casefold() if match else ""


def _family(architecture: str) -> str:
    """Return the first word of a draft's name that does not name a method: Qwen of ``Eagle3Qwen3ForCausalLM``."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", _METHOD.sub(" ", _ENDING.split(architecture, maxsplit=1)[0]))
    return words[0].casefold() if words else ""


def _has_path(value: str) -> bool:
    """Return whether a registry's value names its module by the whole path."""
    return "." in value.partition(",")[0]


by_architecture = sorted_by(architecture_stem)
by_name = sorted_by(str.casefold)
by_path = sorted_by(str)
beside_family = by_key(family_place)
"""Beside its nearest relatives by name, else last, see `family_place`."""


def _behind_owner(keys: Sequence[str], new: str) -> int:
    owners = [key.partition("/")[0].casefold() for key in keys]
    owner = new.partition("/")[0].casefold()
    return len(keys) - owners[::-1].index(owner) if owner in owners else len(keys)


behind_owner = by_key(_behind_owner)
"""Behind the last of the same owner (``trees`` of ``trees/cedar``), else last."""
