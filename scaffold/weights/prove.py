"""Proof that a model's rules fit a checkpoint, from its headers alone: no tensor data is read.

Names and shapes are checked tensor by tensor; what depends on the number of ranks is a matter of the rule, and is
checked once for each rule, so that 92,000 tensors at six tensor-parallel sizes take a second.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from scaffold.checkpoint.headers import TensorHeader
from scaffold.weights.findings import Finding, Proof
from scaffold.weights.near import renamed_part
from scaffold.weights.packed import Unpacked
from scaffold.weights.ranks import coverage_errors, fullest_share
from scaffold.weights.rules import EXPERT, KV_SHARDS, SHARD_SETS, Rule, ShardId, WeightMap
from scaffold.weights.targets import KV
from scaffold.weights.transforms import Shape

QUANTISED = frozenset({"F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I8"})
"""Data types whose numbers mean nothing without a scale."""


def prove(
    weight_map: WeightMap, tensors: Mapping[str, TensorHeader] | Iterable[TensorHeader], ranks: Sequence[int] = (1,)
) -> Proof:
    """Check that the rules are total, unambiguous, complete, right in shape for each number of ranks, and paired.

    Args:
        weight_map: the rules.
        tensors: the headers of a checkpoint; an iterable may hold a name twice, which is a finding.
        ranks: tensor-parallel sizes.
    """
    work = _Proof(weight_map, tensors.values() if isinstance(tensors, Mapping) else tensors)
    return work.run(ranks)


class _Proof:
    def __init__(self, weight_map: WeightMap, headers: Iterable[TensorHeader]) -> None:
        self.rules = weight_map.rules
        self.headers: dict[str, TensorHeader] = {}
        self.twice: list[str] = []
        for header in headers:
            if header.name in self.headers:
                self.twice.append(header.name)
            self.headers[header.name] = header
        self.names = [list(rule.names()) for rule in self.rules]
        self.owner: dict[str, Rule] = {}
        self.scales: set[str] = set()
        self.bytes: dict[int, int] = {}
        """Index of a rule → the bytes of its tensors, scales included."""

    def run(self, ranks: Sequence[int]) -> Proof:
        findings = [
            *self._duplicates(),
            *self._owners(),
            *self._shapes(),
            *self._scales_of(),
            *self._unlimited(),
            *self._parameters(),
        ]
        unrouted = tuple(sorted(self.headers.keys() - self.owner.keys() - self.scales))
        missing = [finding for finding in findings if finding.kind == "missing"]
        if unrouted:
            findings.append(self._unrouted(unrouted, missing))
        for tp in ranks:
            findings += self._uneven(tp)
        ignored = sum(1 for name, rule in self.owner.items() if rule.is_ignored and name in self.headers)
        num_bytes = tuple(self.bytes[index] for index in range(len(self.rules)))
        return Proof(
            tensors=len(self.headers),
            routed=len(self.headers) - len(unrouted) - ignored,
            ignored=ignored,
            unrouted=unrouted,
            findings=tuple(findings),
            bytes_per_rule=num_bytes,
            bytes_per_rank={tp: bytes_of_rank(self.rules, num_bytes, tp) for tp in ranks},
        )

    def _duplicates(self) -> Iterator[Finding]:
        if self.twice:
            mends = "remove the shard that does not belong to the checkpoint"
            yield Finding("duplicate", "these tensors are there twice", mends, tuple(self.twice))

    def _owners(self) -> Iterator[Finding]:
        """Find out which rule takes which name, and which names are missing."""
        for rule, names in zip(self.rules, self.names):
            ambiguous = [] if self.owner.keys().isdisjoint(names) else [name for name in names if name in self.owner]
            missing = [name for name in names if name not in self.headers] if rule.required else []
            self.owner.update(dict.fromkeys(names, rule))
            if ambiguous:
                says = f"the rules {self._others(rule, ambiguous[0])} and {rule.source} both take these tensors"
                yield Finding("ambiguous", says, "narrow one of the rules", tuple(ambiguous), rule.source)
            if missing:
                says = f"the model needs these tensors for {rule.target}; the checkpoint lacks them"
                yield Finding(
                    "missing", says, "complete the checkpoint, or correct the rule", tuple(missing), rule.source
                )

    def _others(self, rule: Rule, name: str) -> str:
        return next((other.source for other in self.rules if other is not rule and other.match(name) is not None), "?")

    def _unlimited(self) -> Iterator[Finding]:
        """Let rules without a limit take what is left."""
        for index, rule in enumerate(self.rules):
            if self.names[index]:
                continue
            ambiguous = []
            beginning = rule.source.partition("{")[0]
            for name in self.headers:
                if not name.startswith(beginning) or rule.match(name) is None:
                    continue
                if name in self.owner or name in self.scales:
                    ambiguous.append(name)
                else:
                    self.owner[name] = rule
                    self.bytes[index] += self.headers[name].num_bytes
            if ambiguous:
                says = "another rule takes these tensors, too"
                yield Finding("ambiguous", says, "narrow one of the rules", tuple(ambiguous), rule.source)

    def _shapes(self) -> Iterator[Finding]:
        for index, rule in enumerate(self.rules):
            wrong, total = [], 0
            for name in self.names[index]:
                header = self.headers.get(name)
                if header is None:
                    continue
                total += header.num_bytes
                if rule.shape is not None and not _fits(header, rule.shape):
                    wrong.append(name)
            self.bytes[index] = total
            if wrong:
                found, expected = list(self.headers[wrong[0]].shape), list(rule.shape or ())
                says = f"the shape is {found}, the config asks for {expected}"
                mends = "check whether config.json and the weights are of the same model"
                yield Finding("shape", says, mends, tuple(wrong), rule.source)

    def _scales_of(self) -> Iterator[Finding]:
        """Pair every quantised weight with its scale and every scale with its weight."""
        for index, rule in enumerate(self.rules):
            if not rule.is_ignored:
                yield from self._scales_of_rule(index, rule)

    def _scales_of_rule(self, index: int, rule: Rule) -> Iterator[Finding]:
        expected: Shape = rule.scale.shape(rule.shape or ()) if rule.scale else ()
        wrong: dict[str, list[str]] = {"no-scale": [], "no-weight": [], "scale-shape": []}
        weights = self.names[index]
        for weight, name in zip(weights, rule.expanded(rule.scale.name) if rule.scale else weights):
            header = self.headers.get(weight)
            quantised = header is not None and header.dtype in QUANTISED
            scale = self.headers.get(name) if rule.scale else None
            if scale is not None:
                self.scales.add(name)
                self.bytes[index] += scale.num_bytes
            if quantised and scale is None:
                wrong["no-scale"].append(name)
            if scale is not None and not quantised:
                wrong["no-weight"].append(name)
            elif scale is not None and scale.shape != expected and (expected or scale.shape != (1,)):
                wrong["scale-shape"].append(name)
        for kind, names in wrong.items():
            if names:
                yield self._scale_finding(kind, rule, names, expected)

    def _scale_finding(self, kind: str, rule: Rule, names: list[str], expected: Shape) -> Finding:
        mends = "complete the checkpoint"
        if kind == "no-scale":
            says = "the weights of these scales are quantised, the scales are not there"
            if rule.scale is None:
                says, mends = "these weights are quantised, and the rule has no scale", "give the rule its scale"
        elif kind == "no-weight":
            says = "these scales have no quantised weight"
        else:
            says = f"the scale's shape is {list(self.headers[names[0]].shape)}, the blocks ask for {list(expected)}"
            mends = "check whether the block size in config.json is that of the weights"
        return Finding(kind, says, mends, tuple(names), rule.source)

    def _parameters(self) -> Iterator[Finding]:
        """Check that each parameter gets all of its shards, and each of them once."""
        by_pattern: dict[str, list[Rule]] = defaultdict(list)
        for rule in self.rules:
            if not rule.is_ignored:
                by_pattern[rule.target].append(rule)
        for target, rules in by_pattern.items():
            for together in _meeting(rules):
                yield from self._shards(target, together)

    def _shards(self, target: str, rules: Sequence[Rule]) -> Iterator[Finding]:
        """Check the shards of parameters that these rules fill together."""
        entries = [(rule, part.shard) for rule in rules for part in rule.parts]
        shards = [shard for _, shard in entries]
        sources = tuple(dict.fromkeys(rule.source for rule, _ in entries))
        if len(shards) != len(set(shards)):
            says = f"two tensors fill one shard of {target}"
            yield Finding("conflict", says, "correct the shards of the rules", sources)
        elif shards and not any(set(shards) == set(known) for known in _shard_sets(target)):
            says = f"{target} gets the shards {sorted(map(str, shards))} only"
            yield Finding("incomplete", says, "add the rule of the shard that is missing", sources)

    def _unrouted(self, names: tuple[str, ...], missing: Sequence[Finding]) -> Finding:
        """Say which tensors no rule takes, and which part of their names would make them missing ones."""
        lacking = {name: self.owner[name].shape for finding in missing for name in finding.tensors}
        part = renamed_part({name: self.headers[name].shape for name in names}, lacking)
        mends = "add a rule, or one that says why not"
        if part is not None:
            mends = f"with {part[1]} in place of {part[0]} in their names, these are tensors that the checkpoint lacks"
        return Finding("unrouted", "no rule takes these tensors", mends, names)

    def _uneven(self, tp: int) -> Iterator[Finding]:
        for rule in self.rules:
            for part in rule.parts:
                misfit = part.split.misfit(part.size, tp)
                why = misfit or coverage_errors(part, tp)
                if why:
                    kind, mends = ("uneven", "choose another tensor-parallel size") if misfit else (
                        "coverage", "correct how the ranks share this part"
                    )  # fmt: skip
                    says = f"{why} ({'whole' if part.shard is None else f'shard {part.shard}'})"
                    yield Finding(kind, says, mends, (rule.source,), rule.source, tp)


def bytes_of_rank(rules: Sequence[Rule], num_bytes: Sequence[int], tp: int) -> int:
    """Return the bytes of the fullest rank at a tensor-parallel size, from those of each rule's tensors."""
    return sum(round(n * fullest_share(rule, tp)) for rule, n in zip(rules, num_bytes) if not rule.is_ignored)


def _shard_sets(target: str) -> tuple[tuple[ShardId, ...], ...]:
    """Return the sets of shards of which one makes up a parameter; a layer of keys and values has no q."""
    return (*SHARD_SETS, KV_SHARDS) if target.split(".")[-2:-1] == [KV] else SHARD_SETS


def _fits(header: TensorHeader, shape: Shape) -> bool:
    """Return whether a tensor has a shape, or may have it."""
    return header.fits(shape) if isinstance(header, Unpacked) else header.shape == shape


def _meeting(rules: Sequence[Rule]) -> list[tuple[Rule, ...]]:
    """Return the sets of rules, of one target pattern, that fill a parameter together: those whose captures meet."""
    captures = [name for name in rules[0].captures if name != EXPERT]
    found: dict[tuple[int, ...], tuple[Rule, ...]] = {}
    for values in {v for rule in rules for v in product(*(rule.ranges[name] for name in captures))}:
        places = [i for i, r in enumerate(rules) if all(v in r.ranges[name] for name, v in zip(captures, values))]
        found[tuple(places)] = tuple(rules[i] for i in places)
    return [found[places] for places in sorted(found)]
