"""The rows that a model needs in vllm-ascend's tables, from where its tensors go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from scaffold.modelslim.asked import Asked, with_part
from scaffold.modelslim.description import WEIGHT
from scaffold.modelslim.dialect import Dialect
from scaffold.modelslim.fills import SHARDS, Fills
from scaffold.modelslim.layers import EMBEDDING, MOE
from scaffold.modelslim.upstream import Row, Upstream

PACKED, PREFIX, SUBSTR = "packed", "prefix", "substr"


@dataclass(frozen=True)
class NewRow:
    """A row that mends, as ``add-modelslim-rows`` takes it.

    Attributes:
        table: ``packed``, ``prefix`` or ``substr``.
        model_types: for which.
        entries: name → what stands in its place.
    """

    table: str
    model_types: tuple[str, ...]
    entries: Mapping[str, tuple[str, ...]]

    @property
    def arguments(self) -> dict[str, str]:
        """Return the codemod's arguments."""
        row = " ".join(f"{name}={','.join(parts)}" for name, parts in self.entries.items())
        return {"table": self.table, "model_types": ",".join(self.model_types), "row": row}

    def __str__(self) -> str:
        said = " ".join(f'{name}="{value}"' if " " in value else f"{name}={value}" for name, value in
                        self.arguments.items() if (name, value) != ("table", PACKED))  # fmt: skip
        return f"scaffold codemod run add-modelslim-rows <vllm-ascend> {said}"


@dataclass(frozen=True)
class Wanted:
    """What packed modules a model has, and where one row cannot say it.

    Attributes:
        entries: name of a packed module → modules of the checkpoint, by the model type with which layers are made.
        conflicts: what stands in the way of a row.
        renames: (prefix of layers, that of their entries) where these lie elsewhere, by model type.
    """

    entries: Mapping[str, Row]
    conflicts: tuple[str, ...]
    renames: Mapping[str, tuple[tuple[str, str], ...]]


def stems_of(one: Asked, fills: Fills) -> list[str]:
    """Return the modules of the checkpoint that fill a layer, in the order of its parts."""
    layer = one.layer
    if layer.kind == MOE:
        shards = fills.experts.get(layer.node, {})
        return [modules[min(modules)] for shard in SHARDS if (modules := shards.get(shard))]
    parts = fills.parts.get(layer.node, {})
    order = list(layer.shards)
    known = sorted(parts, key=lambda shard: order.index(shard) if shard in order else len(order))
    return list(dict.fromkeys(parts[shard] for shard in known))


def wanted(answers: Iterable[Asked], fills: Fills, dialect: Dialect) -> Wanted:
    """Return the packed modules of a model, from where its tensors go."""
    entries: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    renames: dict[str, dict[tuple[str, str], None]] = defaultdict(dict)
    whole: dict[tuple[str, str], str] = {}
    conflicts: dict[str, None] = {}
    for one in answers:
        stems, model_type = stems_of(one, fills), one.layer.asked_as
        if not stems or one.layer.kind == EMBEDDING:
            continue
        found = [one.names(stem + WEIGHT).removesuffix(WEIGHT) for stem in stems]
        last = one.prefix.rpartition(".")[2]
        parts = one.row.get(last, (last,)) if _is_right(one, found) else _parts(one.prefix, found, dialect)
        new = moved(one.prefix, found[0]) if parts is None else None
        if parts == (last,):
            whole.setdefault((model_type, last), one.prefix)
            if set(one.row.get(last, parts)) != {last}:  # as the files have it, against a mapping of the class's
                entries[model_type].setdefault(last, parts)
        elif parts is not None:
            known = entries[model_type].setdefault(last, parts)
            conflicts |= dict.fromkeys(_differs(one.prefix, last, parts, known))
        elif new is not None:
            renames[model_type][new] = None
        else:
            conflicts[f"no row translates {one.prefix} into {', '.join(found)}"] = None
    for (model_type, last), prefix in whole.items():
        known = entries[model_type].get(last, (last,))
        conflicts |= dict.fromkeys(_differs(prefix, last, (last,), known))
    moved_by = {model_type: tuple(pairs) for model_type, pairs in renames.items()}
    return Wanted({k: v for k, v in entries.items() if v}, tuple(conflicts), moved_by)


def _differs(prefix: str, last: str, parts: Sequence[str], known: Sequence[str]) -> Iterator[str]:
    """Yield that one row cannot say what two layers of one name have for parts, where that is so."""
    if set(parts) != set(known):
        both = f"{last} of {prefix} is {', '.join(parts)} in the files, and elsewhere {', '.join(known)}"
        yield f"{both}: one row cannot say both"


def _is_right(one: Asked, found: Sequence[str]) -> bool:
    """Return whether the entries that are looked up are those of the modules; of experts, of the first."""
    return {entry.removesuffix(WEIGHT) for entry in one.entries} == set(found)


def _parts(prefix: str, found: Sequence[str], dialect: Dialect) -> tuple[str, ...] | None:
    """Return what has to stand in place of the last part of a prefix, as vllm-ascend puts it there."""
    parent = prefix.rpartition(".")[0]
    begin = f"{parent}." if parent else ""
    if not all(name.startswith(begin) for name in found):
        return None
    parts = tuple(name.removeprefix(begin) for name in found)
    return parts if all(with_part(prefix, part, dialect) == name for part, name in zip(parts, found)) else None


def moved(prefix: str, name: str) -> tuple[str, str] | None:
    """Return the parts of a layer's name and of its entry's that differ, None if they have too little in common."""
    ours, theirs = prefix.split(".")[:-1], name.split(".")[:-1]
    if "experts" in theirs:
        theirs = theirs[: theirs.index("experts")]
    behind = 0
    while behind < min(len(ours), len(theirs)) and ours[-1 - behind] == theirs[-1 - behind]:
        behind += 1
    before = 0
    while before < min(len(ours), len(theirs)) - behind and ours[before] == theirs[before]:
        before += 1
    old, new = ours[before : len(ours) - behind], theirs[before : len(theirs) - behind]
    if any(part.isdecimal() for part in (*old, *new)) or (not old and not new):
        return None
    if before:
        return (f".{'.'.join(old)}.", f".{'.'.join(new)}." if new else ".") if old else None
    if not old:
        return (f"{ours[0]}.", f"{'.'.join(new)}.{ours[0]}.") if ours else None
    return f"{'.'.join(old)}.", f"{'.'.join(new)}." if new else ""


def new_rows(
    need: Wanted, answers: Sequence[Asked], upstream: Upstream, model_types: Sequence[str]
) -> Iterator[NewRow]:
    """Yield the rows that the tree lacks.

    Args:
        need: what packed modules there are.
        answers: what the layers are given with the tree's own rows.
        upstream: the tree's tables.
        model_types: of the outer and the text config: a row is written for each, as releases of vLLM differ in which
            of them layers are made with.
    """
    lacking = any(set(one.row.get(last, ())) != set(parts) for one in answers
                  for last, parts in need.entries.get(one.layer.asked_as, {}).items()
                  if one.prefix.rpartition(".")[2] == last)  # fmt: skip
    if lacking and not need.conflicts:
        asked_as = sorted({one.layer.asked_as for one in answers})
        entries = {last: parts for row in need.entries.values() for last, parts in row.items()}
        if not upstream.dialect.replaces:  # added to the class's own mapping, of which nothing is said again
            known = {one.prefix.rpartition(".")[2]: one.row for one in answers}
            entries = {k: v for k, v in entries.items() if set(known.get(k, {}).get(k, ())) != set(v)}
        for types in _alike(list(dict.fromkeys((*model_types, *asked_as))), entries, upstream):
            yield NewRow(PACKED, types, entries)
    for model_type, pairs in need.renames.items():
        for table, kind in ((PREFIX, False), (SUBSTR, True)):
            found = {old: (new,) for old, new in pairs if old.startswith(".") is kind}
            if found:
                yield NewRow(table, (model_type,), found)


def _alike(model_types: Sequence[str], entries: Row, upstream: Upstream) -> Iterator[tuple[str, ...]]:
    """Yield model types that may all get these entries: those whose row says otherwise already get none."""
    free = tuple(
        one for one in model_types
        if all(set(upstream.packed.get(one, {}).get(last, parts)) == set(parts) for last, parts in entries.items())
    )  # fmt: skip
    if free:
        yield free
