"""From rules to an adapter's loading tables, in the terms of vLLM's ``WeightsMapper`` and ``AutoWeightsLoader``.

The tables are tried on all names before they are handed out: a name that they would lead to another parameter than
its rule does is an error here, not on a cluster.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product

from scaffold.source.python.errors import NotUnderstood
from scaffold.weights.rules import EXPERT, REST, Rule
from scaffold.weights.transforms import Apart, Flatten, Stack, Transpose, Twice, Ungroup, UnitRows, Zeros

STACKED_SHARDS = ("q", "k", "v", 0, 1)
EXPERT_SHARDS = ("w1", "w2", "w3", "w13")
ROUTED = "routed_experts"
FUSED_NAMES = {
    "w13_weight": "gate_up_proj",
    "w2_weight": "down_proj",
    "w13_bias": "gate_up_proj_bias",
    "w2_bias": "down_proj_bias",
}
"""A parameter of vLLM's ``RoutedExperts`` → the name of a tensor of all experts that it loads into it."""
Prefixes = tuple[tuple[str, str], ...]
"""Old → new beginning of names, applied in turn."""
USUAL_EXPERT_NAMES = ("gate_proj", "down_proj", "up_proj")
_NUMBER = re.compile(r"\{\w+\}")


@dataclass(frozen=True)
class StackedRow:
    """``weight_name`` (part of a checkpoint name) → ``param_name`` (what replaces it) and the shard."""

    weight_name: str
    param_name: str
    shard_id: str | int


@dataclass(frozen=True)
class Loading:
    """What an adapter's loader is made of.

    Attributes:
        prefixes: old → new beginning of names.
        renames: old → new part of names; None leaves the tensor out.
        stacked: rows for parameters that hold several tensors.
        packed_modules: fused module → the checkpoint's modules.
        transposed: endings of names of weights ``[in, out]``.
        expert_names: gate, down and up of one expert on disk, if they are not the usual ones.
        packed: the part of names of a projection that holds q, k and v.
        flattened: endings of names of vectors that lie as matrices with one row.
        unit_rows: names of matrices whose rows are brought to a length of one.
    """

    prefixes: Prefixes
    renames: tuple[tuple[str, str | None], ...]
    stacked: tuple[StackedRow, ...]
    packed_modules: dict[str, list[str]]
    transposed: tuple[str, ...]
    expert_names: tuple[str, str, str] | None
    packed: str
    flattened: tuple[str, ...]
    unit_rows: tuple[str, ...] = ()

    def map_name(self, name: str) -> tuple[str, str | int | None] | None:
        """Return what ``WeightsMapper`` makes of a name: the new name and the shard; None if it is left out."""
        for old, new in self.renames:
            if old in name:
                if new is None:
                    return None
                name = name.replace(old, new, 1)
        shard: str | int | None = None
        for row in self.stacked:
            if row.weight_name in name:
                name = name.replace(row.weight_name, row.param_name, 1)
                shard = row.shard_id
        for old, new in self.prefixes:
            if name.startswith(old):
                name = name.replace(old, new, 1)
        return name, shard


def loading(rules: Iterable[Rule], names: Iterable[str], prefix: tuple[str, str]) -> Loading:
    """Return the tables of an adapter.

    Args:
        rules: the weight rules.
        names: the checkpoint's tensors.
        prefix: how the decoder's names begin on disk, and in the adapter.

    Raises:
        NotUnderstood: no table leads all names to where their rules do.
    """
    rules, names = _one_by_one(tuple(rules), frozenset(names))
    ways = list(_prefixes(rules, prefix))
    try:
        return _loading(rules, names, prefix, ways[0], before=0)
    except NotUnderstood:
        for before, prefixes in [(1, ways[0]), *product((0, 1), ways[1:])]:
            with suppress(NotUnderstood):
                return _loading(rules, names, prefix, prefixes, before)
        raise


def _one_by_one(rules: Sequence[Rule], names: frozenset[str]) -> tuple[tuple[Rule, ...], frozenset[str]]:
    """Return rules and names as vLLM's loader meets them: methods of the adapter give it some under other names.

    What is taken twice comes under a second name, too; of a matrix of all experts each one's rows come on their own.
    """
    found: list[Rule] = []
    more: set[str] = set()
    for rule in rules:
        made: tuple[Rule, ...] = ()
        for step in rule.transforms:
            if isinstance(step, Twice):
                made = _twice(rule, step)
            elif isinstance(step, Apart):
                made = _apart(rule, step)
            elif isinstance(step, Zeros):
                made = _with_zeros(rule, step)
            elif isinstance(step, Stack):
                made = (_of_each(rule, step),)
        found += made or (rule,)
        if made and not names.isdisjoint(rule.names()):
            more |= {name for one in made for name in one.names()}
    return tuple(found), names | more


def _twice(rule: Rule, step: Twice) -> tuple[Rule, Rule]:
    """Return the rules of a tensor that fills two shards, as if there were a second one beside it."""
    module = rule.source.rpartition(".")[0]
    second = f"{module.rpartition('.')[0]}.{step.name}"
    steps = tuple(one for one in rule.transforms if one is not step)
    scale = rule.scale and replace(rule.scale, name=rule.scale.name.replace(module, second, 1))
    first = replace(rule, parts=rule.parts[:1], transforms=steps)
    return first, replace(first, source=rule.source.replace(module, second, 1), parts=rule.parts[1:], scale=scale)


def _apart(rule: Rule, step: Apart) -> tuple[Rule, ...]:
    """Return the rules of a tensor that holds two projections, as if there were one of each."""
    module = rule.source.rpartition(".")[0]
    steps = tuple(one for one in rule.transforms if not isinstance(one, (Apart, Ungroup)))
    found = []
    for name, part in zip(step.names, rule.parts, strict=True):
        other = f"{module.rpartition('.')[0]}.{name}"
        shape = (part.size, *(rule.shape or ())[1:])
        scale = rule.scale and replace(rule.scale, name=rule.scale.name.replace(module, other, 1))
        source = rule.source.replace(module, other, 1)
        found.append(replace(rule, source=source, shape=shape, parts=(part,), transforms=steps, scale=scale))
    return tuple(found)


def _with_zeros(rule: Rule, step: Zeros) -> tuple[Rule, ...]:
    """Return the rules of a bias and of zeros for other projections, as if there were a tensor of each."""
    module = rule.source.rpartition(".")[0]
    steps = tuple(one for one in rule.transforms if one is not step)
    own = replace(rule, parts=rule.parts[:1], transforms=steps)
    sources = (rule.source.replace(module, f"{module.rpartition('.')[0]}.{name}", 1) for name in step.names)
    return own, *(
        replace(own, source=source, shape=(part.size,), parts=(part,))
        for source, part in zip(sources, rule.parts[1:], strict=True)
    )


def _of_each(rule: Rule, step: Stack) -> Rule:
    """Return the rule of single experts' weights, which lie in one matrix."""
    source = rule.source.removesuffix(step.old) + step.new
    shape, axis = rule.target_shape[1:], rule.axis - 1
    return replace(
        rule, source=source, shape=shape, axis=axis, transforms=(), ranges={**rule.ranges, EXPERT: range(step.experts)}
    )


def _loading(
    rules: tuple[Rule, ...], names: Iterable[str], prefix: tuple[str, str], prefixes: Prefixes, before: int
) -> Loading:
    """Return the tables whose renames have so many names before what they change; see ``loading``."""
    scales = {r.scale.name.format_map(values) for r in rules if r.scale for values in r.instances()}
    names = set(names) - scales
    renames = _renames(rules, prefix, before)
    left_out = tuple(rule.beginning for rule in rules if rule.beginning)
    loaded = {_renamed(name, renames) for name in names if not name.startswith(left_out)}
    found = Loading(
        prefixes=prefixes,
        renames=renames,
        stacked=_stacked_rows(rules, loaded, prefix, renames),
        packed_modules=packed_modules(rules),
        transposed=_transposed(rules),
        expert_names=_expert_names(rules),
        packed=_packed(rules),
        flattened=_flattened(rules),
        unit_rows=tuple(r.source for r in rules if any(isinstance(step, UnitRows) for step in r.transforms)),
    )
    _check(found, rules, names)
    return found


def _prefixes(rules: Sequence[Rule], prefix: tuple[str, str]) -> Iterator[Prefixes]:
    """Yield the ways to replace beginnings of names: one row, or one for each module where the head has none either."""
    old, new = prefix
    yield (prefix,) if old != new else ()
    if not old and new:
        targets = [rule.target.removeprefix(new) for rule in rules if rule.target and rule.target.startswith(new)]
        yield tuple((f"{one}.", f"{new}{one}.") for one in dict.fromkeys(target.split(".")[0] for target in targets))


def packed_modules(rules: Iterable[Rule]) -> dict[str, list[str]]:
    """Return ``packed_modules_mapping``: fused module → the checkpoint's modules, in order of their shards."""
    packed: dict[str, list[str]] = {}
    for rule in rules:
        if not rule.parts or rule.parts[0].shard not in STACKED_SHARDS:
            continue
        fused, part = rule.target.split(".")[-2], rule.source.split(".")[-2]
        parts = packed.setdefault(fused, [])
        if part not in parts:
            parts.append(part)
    return packed


def _stacked(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the rules of tensors that become one shard of a linear layer."""
    return tuple(rule for rule in rules if len(rule.parts) == 1 and rule.parts[0].shard in STACKED_SHARDS)


def _of_experts(rule: Rule) -> bool:
    return bool(rule.parts) and rule.parts[0].shard in EXPERT_SHARDS


Renames = tuple[tuple[str, "str | None"], ...]


def _renamed(name: str, renames: Renames) -> str:
    for old, new in renames:
        if old in name and new is not None:
            name = name.replace(old, new, 1)
    return name


def _stacked_rows(
    rules: Sequence[Rule], names: set[str], prefix: tuple[str, str], renames: Renames
) -> tuple[StackedRow, ...]:
    """Return a row for each module whose tensor becomes a shard, for names that are renamed already.

    A row's ``weight_name`` is the shortest dotted tail of the module that occurs in names of its own rules only,
    because vLLM looks it up as a substring. Experts are left out: vLLM's ``RoutedExperts`` maps them itself.
    """
    stacked = tuple(replace(rule, source=_renamed(rule.source, renames)) for rule in _stacked(rules))
    rows: dict[tuple[str, str], StackedRow] = {}
    for rule in stacked:
        module, target = rule.source.rpartition(".")[0], rule.target.rpartition(".")[0]
        shard = rule.parts[0].shard
        if (module, target) in rows or shard is None:
            continue
        own = {n for r in stacked if r.source.rpartition(".")[0] == module for n in r.names()}
        source_parts = module.split(".")
        target_parts = target.replace(prefix[1], prefix[0], 1).split(".")
        for length in range(1, len(source_parts) + 1):
            if length == len(source_parts) or not _NUMBER.search(".".join(source_parts[-length:])):
                cut = len(source_parts) - length
                tail, new = ("." + ".".join(parts[cut:]) for parts in (source_parts, target_parts))
                if source_parts[:cut] == target_parts[:cut] and all((tail in f".{n}") == (n in own) for n in names):
                    rows[module, target] = StackedRow(tail, new, shard)
                    break
                if source_parts[:cut] != target_parts[:cut]:
                    continue
        else:
            raise NotUnderstood(f"no part of the name {module} tells it from the names of other tensors")
    return tuple(dict.fromkeys(rows.values()))


def _renames(rules: Sequence[Rule], prefix: tuple[str, str], before: int) -> Renames:
    """Return old and new parts of names that end elsewhere than under their own name, the most special first."""
    found: dict[str, str | None] = {}
    pairs = []
    for rule in rules:
        if rule.is_ignored:
            if rule.is_computed:
                found[_tail(rule.source)] = None
            elif rule.beginning:
                found[rule.beginning] = None
            continue
        target = _expert_target(rule) if _of_experts(rule) else rule.target
        source, target = rule.source, target.replace(prefix[1], prefix[0], 1)
        if rule in _stacked((rule,)):
            source, target = (text.rpartition(".")[0].rpartition(".")[0] for text in (source, target))
        if source != target:
            pairs.append((source.split("."), target.split(".")))
    for more in range(4):
        clashing = []
        for source_parts, target_parts in pairs:
            old, new = _difference(source_parts, target_parts, more, before)
            if found.setdefault(old, new) != new:
                clashing.append((source_parts, target_parts))
        pairs = clashing
    whole = {old for old, new in found.items() if new is not None and found.get(f"{old}.") == f"{new}."}
    rows = [row for row in found.items() if row[0] not in whole]  # names go on with a dot
    return tuple(sorted(rows, key=lambda row: -len(row[0])))


def _tail(source: str) -> str:
    """Return what names end in that a rule leaves out of each layer; the whole name of one outside of the layers."""
    return "." + source.split("}.")[-1] if "}." in source else source


def _expert_target(rule: Rule) -> str:
    """Return the name under which ``RoutedExperts`` takes the tensor of a rule."""
    block, _, parameter = rule.target.rpartition(f".{ROUTED}.")
    if rule.is_per_expert:
        return f"{block}.{{expert}}.{rule.source.rpartition('{expert}.')[2]}"
    return f"{block}.{FUSED_NAMES[parameter]}"


def _difference(source: list[str], target: list[str], more: int, before: int) -> tuple[str, str]:
    """Return the parts that differ, with as many common names before and after; one before where a number is."""
    begin = 0
    while begin < min(len(source), len(target)) - 1 and source[begin] == target[begin]:
        begin += 1
    end = 0
    while end < min(len(source), len(target)) - begin - 1 and source[-1 - end] == target[-1 - end]:
        end += 1
    end = max(0, end - more)
    if begin and any(part.isdigit() for part in source[begin : len(source) - end]):
        before = 1  # a number alone stands in many names
    if begin >= before and not any(_NUMBER.search(part) for part in source[begin - before : begin]):
        begin -= before
    old, new = source[begin : len(source) - end], target[begin : len(target) - end]
    close = "." if end else ""
    open_ = "." if begin else ""
    return open_ + ".".join(old) + close, open_ + ".".join(new) + close


def _transposed(rules: Sequence[Rule]) -> tuple[str, ...]:
    """Return endings of the names of weights that lie ``[in, out]``; experts' lie as vLLM is told."""
    found = []
    for rule in rules:
        if any(isinstance(step, Transpose) for step in rule.transforms) and not _of_experts(rule):
            found.append("." + ".".join(rule.source.split(".")[-3:]).replace("{layer}.", ""))
    return tuple(dict.fromkeys(found))


def _flattened(rules: Sequence[Rule]) -> tuple[str, ...]:
    found = [rule for rule in rules if any(isinstance(step, Flatten) for step in rule.transforms)]
    return tuple(dict.fromkeys("." + rule.source.rpartition(".")[2] for rule in found))


def _expert_names(rules: Sequence[Rule]) -> tuple[str, str, str] | None:
    named = {
        rule.parts[0].shard: rule.source.rpartition("{expert}.")[2].removesuffix(".weight")
        for rule in rules
        if _of_experts(rule) and rule.is_per_expert
    }
    if not named:
        return None
    found = (named["w1"], named["w2"], named["w3"])
    return None if found == USUAL_EXPERT_NAMES else found


def _packed(rules: Sequence[Rule]) -> str:
    for rule in rules:
        sorts = any(isinstance(step, Ungroup) for step in rule.transforms)
        if sorts and {part.shard for part in rule.parts} == {"q", "k", "v"}:
            return f".{rule.source.split('.')[-2]}."
        if len(rule.parts) == 3 and [part.shard for part in rule.parts] != ["q", "k", "v"]:
            return f".{rule.source.split('.')[-2]}."
    return ""


def _check(found: Loading, rules: Sequence[Rule], names: set[str]) -> None:
    left_out = tuple(rule.beginning for rule in rules if rule.beginning)
    for name in names:
        if name.startswith(left_out) and found.map_name(name) is not None:
            raise NotUnderstood(f"{name} would be loaded, though it is a part that is left out")
    for rule in rules:
        for values in rule.instances() if REST not in rule.captures else ():
            name = rule.source.format_map(values)
            if name not in names:
                continue
            mapped = found.map_name(name)
            if rule.is_ignored:
                if mapped is not None and rule.is_computed:
                    raise NotUnderstood(f"{name} would be loaded as {mapped[0]}, though {rule.reason}")
                continue
            target = _expert_target(rule) if _of_experts(rule) else rule.target
            shard = rule.parts[0].shard if rule in _stacked((rule,)) else None
            if mapped != (target.format_map(values), shard):
                raise NotUnderstood(f"{name} would be loaded as {mapped}, not as {target.format_map(values)}, {shard}")


__all__ = ["Loading", "StackedRow", "loading", "packed_modules"]
