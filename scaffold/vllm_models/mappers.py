"""``WeightsMapper`` as a value: the names that a loader makes of a checkpoint's names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from scaffold.vllm_models.values import Unknown

Pairs = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class Mapper:
    """Replacements by kind, in vLLM's order (vllm/model_executor/models/utils.py, ``WeightsMapper``).

    Attributes:
        substr: parts of names; None drops the tensor.
        stacked: parts of names → what replaces them and the shard.
        prefix: beginnings of names.
        suffix: endings of names.
        unread: why not all of it could be read.
    """

    substr: Pairs = ()
    stacked: tuple[tuple[str, str, Any], ...] = ()
    prefix: Pairs = ()
    suffix: Pairs = ()
    unread: str = ""

    def __or__(self, other: Mapper) -> Mapper:
        return Mapper(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    def map(self, name: str) -> tuple[str, Any] | None:
        """Return the new name and its shard, if any; None if the tensor is dropped."""
        shard = None
        for part, new in self.substr:
            if part in name and new is None:
                return None
            name = name.replace(part, new or "", 1)
        for part, stacked, found in self.stacked:
            if part in name:
                name, shard = name.replace(part, stacked, 1), found
        for begin, new in self.prefix:
            if name.startswith(begin):
                if new is None:
                    return None
                name = new + name.removeprefix(begin)
        return self._ending(name, shard)

    def _ending(self, name: str, shard: Any) -> tuple[str, Any] | None:
        for end, new in self.suffix:
            if name.endswith(end):
                if new is None:
                    return None
                name = name.removesuffix(end) + new
        return name, shard


def mapper_of(arguments: Mapping[str, Any]) -> Mapper:
    """Return what ``WeightsMapper(…)`` with these arguments is."""
    found: dict[str, Any] = {"unread": ""}
    for name, value in arguments.items():
        kind = name.removeprefix("orig_to_new_")
        if kind not in ("substr", "prefix", "suffix", "stacked") or not isinstance(value, dict):
            if value not in ({}, [], None):
                found["unread"] = f"{name} of a WeightsMapper"
            continue
        if any(isinstance(item, Unknown) for item in (*value.keys(), *value.values())):
            found["unread"] = f"{name} of a WeightsMapper"
            continue
        pairs = value.items()
        found[kind] = tuple((k, *v) for k, v in pairs) if kind == "stacked" else tuple(pairs)
    return Mapper(**found)
