"""Rules as Python text: the calls of `Scope` that make them, and the test file of a model."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaffold.rendering.formatting import format_python
from scaffold.weights.rules import EXPERT, Part, Rule, WeightMap
from scaffold.weights.scope import Heads, Scope
from scaffold.weights.splits import Even, KvHeads, Vocabulary, Whole
from scaffold.weights.transforms import Transpose

TEST_FILE = '''"""Weight rules of {architecture}, and their tests; written by ``scaffold weights --emit``.

    SCAFFOLD_CHECKPOINT=/models/… pytest FILE

Needs vllm-ascend-scaffold[testing]. No vLLM, no torch, and no tensor data is read. The rules are yours to edit;
``scaffold weights CHECKPOINT --rules FILE`` proves them, too.
"""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings

from scaffold.checkpoint.shards import read_tensors
from scaffold.testing import properties, strategies
from scaffold.weights import {imports}


def weight_map(config=None):
    """Return what each tensor of the checkpoint fills."""
{scopes}
    return WeightMap((
{rules}
    ))


PATIENT = settings(max_examples=30, deadline=None)
RULES = weight_map()
CHECKPOINT = os.environ.get("SCAFFOLD_CHECKPOINT")


@PATIENT
@given(strategies.key_sets(RULES))
def test_each_name_has_one_route(names):
    properties.routing_is_total_and_unambiguous(RULES, names)


@PATIENT
@given(strategies.names(RULES))
def test_lookup_there_and_back_is_the_identity(name):
    properties.lookup_is_the_identity(RULES, name)


@PATIENT
@given(strategies.tensor_parallel_sizes(RULES))
def test_the_shards_of_all_ranks_make_up_each_tensor(size):
    properties.shards_reassemble(RULES, size)


@PATIENT
@given(strategies.mutated_headers(RULES))
def test_a_checkpoint_that_is_wrong_is_found(mutated):
    properties.mutation_is_found(RULES, mutated)


@pytest.mark.skipif(not CHECKPOINT, reason="SCAFFOLD_CHECKPOINT names no checkpoint")
def test_the_proof_holds_on_the_checkpoint():
    properties.proof_holds(RULES, read_tensors(Path(CHECKPOINT)))
'''


@dataclass(frozen=True)
class Call:
    """One call of a scope's method, and the rules that it makes."""

    method: str
    positional: tuple[Any, ...]
    named: dict[str, Any] = field(default_factory=dict)

    def rules(self, scope: Scope) -> tuple[Rule, ...]:
        """Return what the call returns."""
        made = getattr(scope, self.method)(*self.positional, **self.named)
        return (made,) if isinstance(made, Rule) else tuple(made)

    def text(self, scope_name: str, many: bool) -> str:
        """Return the call as an element of a tuple."""
        arguments = [repr(value) for value in self.positional]
        arguments += [f"{name}={value!r}" for name, value in self.named.items()]
        return f"{'*' if many else ''}{scope_name}.{self.method}({', '.join(arguments)})"


def test_file(weight_map: WeightMap, architecture: str) -> str:
    """Return a test file that has the rules written out. It is formatted, and makes exactly these rules."""
    scopes: dict[str, Scope] = {}
    lines = list(_lines(weight_map.rules, scopes))
    text = TEST_FILE.format(
        architecture=architecture,
        imports=", ".join(NAMES),
        scopes="\n".join(f"    {name} = {_scope_text(scope)}" for name, scope in scopes.items()),
        rules="\n".join(f"        {line}," for line in lines),
    )
    with tempfile.TemporaryDirectory(prefix="scaffold-") as scratch:  # no settings of a project around it
        return format_python(text, Path(scratch), Path("test_weights.py"))


NAMES = (
    "Apart", "Even", "Heads", "KvHeads", "Offset", "Part", "Rule", "Scale", "Scope", "Stack", "Transpose", "Twice",
    "Ungroup", "UnitRows", "Vocabulary", "WeightMap", "Whole",
    "Zeros",
)  # fmt: skip


def _scope_text(scope: Scope) -> str:
    arguments = [repr(scope.source)] if scope.source else []
    arguments += [f"ranges={dict(scope.ranges)!r}"] if scope.ranges else []
    arguments += [f"scale={scope.scale!r}"] if scope.scale else []
    return f"Scope({', '.join(arguments)})"


def _lines(rules: Sequence[Rule], scopes: dict[str, Scope]) -> Iterator[str]:
    """Yield elements of the tuple; a rule that no method makes is written as it is."""
    index = 0
    while index < len(rules):
        scope = _scope_of(rules[index])
        for call in _candidates(rules[index:], scope):
            try:
                made = call.rules(scope)
            except (ValueError, IndexError, TypeError, ZeroDivisionError):
                continue
            if made == tuple(rules[index : index + len(made)]):
                yield call.text(_named(scope, scopes), len(made) > 1)
                index += len(made)
                break
        else:
            yield repr(rules[index])
            index += 1


def _scope_of(rule: Rule) -> Scope:
    captures = [name for name in rule.captures if name in rule.ranges and name != EXPERT]
    prefix = ""
    if captures:
        mark = f"{{{captures[-1]}}}."
        prefix = rule.source[: rule.source.find(mark) + len(mark)] if mark in rule.source else ""
    scale = None
    if rule.scale is not None:
        scale = (rule.scale.name.removeprefix(rule.source.removesuffix("weight")), rule.scale.block)
    return Scope(prefix, ranges={name: rule.ranges[name] for name in captures} if prefix else {}, scale=scale)


def _named(scope: Scope, scopes: dict[str, Scope]) -> str:
    """Return the variable of a scope."""
    for name, known in scopes.items():
        if known == scope:
            return name
    base = "layer" if scope.source else "model"
    name = f"{base}_scaled" if scope.scale else base
    number = sum(1 for known in scopes if known.rstrip("_0123456789") == name)
    scopes[f"{name}_{number + 1}" if number else name] = scope
    return f"{name}_{number + 1}" if number else name


def _candidates(rules: Sequence[Rule], scope: Scope) -> Iterator[Call]:
    """Yield calls that may make the first rule, or the first few of them."""
    rule = rules[0]
    name, shape = rule.source.removeprefix(scope.source), rule.shape or ()
    if rule.is_ignored:
        computed = {"is_computed": True} if rule.is_computed else {}
        yield Call("ignored", (name, rule.reason, *(() if rule.shape is None else (rule.shape,))), computed)
        return
    target = rule.target.removeprefix(scope.source)
    named: dict[str, Any] = {} if target == name else {"target": target}
    if rule.transforms:
        named["transforms"] = rule.transforms
    if not rule.parts:
        yield Call("whole", (name, *shape), named)
        return
    part = rule.parts[0]
    plain = [other.source.removeprefix(scope.source) for other in rules[:3]]
    yield from _several(rules, plain, target, part)
    if isinstance(part.split, Whole):
        yield Call("whole", (name, *shape), named)
    if isinstance(part.split, Vocabulary):
        yield Call("vocabulary", (name, *shape), named)
    if isinstance(part.split, Even):
        unit = {"unit": part.split.unit} if part.split.unit > 1 else {}
        yield Call("column", (name, *shape), {**unit, **named})
        yield Call("row", (name, *shape), {**unit, **named})
    yield from _packed(rule, name, named)
    yield from _stacked(rule, name, target)


def _heads(parts: Sequence[Part]) -> Heads:
    query, key = parts[0], parts[1]
    assert isinstance(query.split, Even)
    assert isinstance(key.split, KvHeads)
    return Heads(query.size // query.split.unit, key.split.heads, query.split.unit)


def _several(rules: Sequence[Rule], names: list[str], target: str, part: Part) -> Iterator[Call]:
    shape = rules[0].shape or ()
    alone = len(rules[0].parts) == 1
    both = rules[1].parts if part.shard == "q" and len(rules) > 1 else ()
    if len(both) == 2 and isinstance(both[0].split, KvHeads):  # v is what the projection of k gives
        yield Call("qkv", ([*names[:2], names[1]], target, _heads([part, both[0]]), *shape[1:]))
    key = rules[1].parts[0] if len(rules) > 2 and rules[1].parts else part
    if part.shard == "q" and alone and isinstance(key.split, KvHeads):
        yield Call("qkv", (names, target, _heads([part, key]), *shape[1:]))
    if part.shard == 0 and alone:
        yield Call("gate_up", (names[:2], target, *shape))
    if part.shard == "w1" and rules[0].is_per_expert and len(rules) > 2:
        down = rules[2].target[len(rules[0].target) - len(target) :]
        experts = rules[0].ranges[EXPERT]
        yield Call("experts", (names, (target, down), len(experts), *shape))


def _packed(rule: Rule, name: str, named: dict[str, Any]) -> Iterator[Call]:
    shards = tuple(part.shard for part in rule.parts)
    if shards == ("q", "k", "v") and isinstance(rule.parts[1].split, KvHeads):
        inputs = rule.target_shape[1:]
        yield Call("packed_qkv", (name, _heads(rule.parts), *inputs), named)
    if shards == (0, 1):
        yield Call("packed_gate_up", (name, rule.parts[0].size, *rule.target_shape[1:]), named)
    if isinstance(rule.parts[0].split, KvHeads):
        kv_heads = rule.parts[0].split.heads
        target = {"target": named["target"]} if "target" in named else {}
        yield Call("key_heads", (name, Heads(kv_heads, kv_heads, rule.parts[0].size // kv_heads)), target)


def _stacked(rule: Rule, name: str, target: str) -> Iterator[Call]:
    shards = tuple(part.shard for part in rule.parts)
    shape = rule.target_shape
    transposed = any(isinstance(step, Transpose) for step in rule.transforms)
    options: dict[str, bool] = {"transposed": True} if transposed else {}
    if shards == ("w1", "w3"):
        arguments = (name, target, shape[0], rule.parts[0].size, *shape[2:])
        yield Call("stacked_gate_up", arguments, options)
        yield Call("stacked_gate_up", arguments, {**options, "alternating": True})
    if shards == ("w2",) and len(shape) == 3:
        yield Call("stacked_down", (name, target, shape[0], shape[2], shape[1]), options)
