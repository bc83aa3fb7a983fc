"""Rotary embeddings: the canonical rotations, and which of them lies between a projection and the attention."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scaffold.expressions.tree import (
    HEAD_DIM,
    LAYER,
    Entries,
    Expression,
    Item,
    Key,
    Literal,
    Log,
    entry,
    is_name,
    key,
    updated,
)
from scaffold.probing.ends_of_yarn import check_ramp
from scaffold.probing.frequencies import OLDER, ROPE_TYPES, TURNS_OF_YARN, USUAL_MAGNITUDE, WHOLE_HEAD
from scaffold.probing.numbers import stated
from scaffold.probing.probe import Probe
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.shadows import is_number
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch.tensors import Array
from scaffold.spec.rope import RopeSpec
from scaffold.vocabulary.lookup import at, spellings, value_of


def _neox(x: Array, cos: Array, sin: Array) -> Array:
    first, second = np.split(x, 2, axis=-1)
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def _interleaved(x: Array, cos: Array, sin: Array) -> Array:
    even, odd = x[..., 0::2], x[..., 1::2]
    return np.stack([even * cos - odd * sin, odd * cos + even * sin], axis=-1).reshape(x.shape)


Rotation = Callable[[Array, Array, Array], Array]

ROTATIONS: dict[str, Rotation] = {
    "neox": _neox,
    "interleaved": _interleaved,
}
"""Style → rotation of ``x`` ``[..., positions, rotary_dim]`` by ``cos``/``sin`` ``[positions, rotary_dim / 2]``.

The styles are those of vLLM's ``get_rope(is_neox_style=...)``
(vllm/model_executor/layers/rotary_embedding/__init__.py).
"""

FRACTIONS = (1.0, 0.5, 0.25, 0.75)
"""Parts of the head that models are known to rotate; those that the config states are tried first."""
FRACTION = "partial_rotary_factor"
LEGACY_THETA = 10000.0
"""Where neither config nor source keep it."""


@dataclass(frozen=True)
class RopeCandidate:
    """Parameters that the config has, and where an adapter finds them."""

    tree: Expression
    parameters: Mapping[str, Any]
    list_key: str = ""
    """The config key of a list with one theta for each layer."""

    @property
    def rope_type(self) -> str:
        """Return the type by its word of today."""
        stated = str(self.parameters.get("rope_type") or "default")
        return OLDER.get(stated, stated)

    def table(self, size: int, tokens: int, length: int) -> tuple[Array, Array] | None:
        """Return cos and sin ``[tokens, size / 2]``, or None for a kind that vLLM lacks or that lacks a number."""
        kind = ROPE_TYPES.get(self.rope_type)
        try:
            found = kind(self.parameters, size, length) if kind else None
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            return None
        if found is None:
            return None
        angles = np.arange(tokens)[:, None] * found[0]
        return np.cos(angles) * found[1], np.sin(angles) * found[1]


def candidates(probe: Probe) -> Iterator[RopeCandidate]:
    """Yield what the probe's rotations may have been made of."""
    parameters = probe.small.attributes.get("rope_parameters")
    for candidate in _of_parameters(parameters):
        ended = [*_with_defaults(probe, candidate), candidate]
        yield from ended
        for one in ended:
            yield from _with_magnitudes(probe, one)
    if isinstance(parameters, Mapping) and isinstance(parameters.get("rope_theta"), (int, float)):
        # Plain rotations beside a scaling that is not used: transformers takes the theta from the config's own keys.
        theta = float(parameters["rope_theta"])
        yield RopeCandidate(_of_theta(key("rope_parameters", "rope_theta")), {"rope_theta": theta})
    yield from _of_keys(probe)
    yield RopeCandidate(_of_theta(Literal(LEGACY_THETA)), {"rope_theta": LEGACY_THETA})


def _of_parameters(parameters: object) -> Iterator[RopeCandidate]:
    """Yield the parameters of ``rope_parameters``: its own, or those of each kind of layer."""
    if not isinstance(parameters, Mapping):
        return
    if parameters.get("rope_theta") is not None:
        yield RopeCandidate(key("rope_parameters"), parameters)
    for name, part in parameters.items():
        if isinstance(part, Mapping) and part.get("rope_theta") is not None and str(name).isidentifier():
            yield RopeCandidate(key("rope_parameters", name), part)


def _with_defaults(probe: Probe, candidate: RopeCandidate) -> Iterator[RopeCandidate]:
    """Yield parameters of yarn with the numbers of turns that the source has as defaults and the config does not state.

    vLLM's own are others; numbers tell whether those of the source are used.
    """
    missing = [name for name in TURNS_OF_YARN if candidate.parameters.get(name) is None]
    if candidate.rope_type != "yarn" or not missing:
        return
    for found in dict.fromkeys(_defaults(probe.source.file)):
        numbers = {name: number for name, number in found if name in missing and number != TURNS_OF_YARN[name]}
        tree = candidate.tree
        for name, number in numbers.items():
            tree = updated(tree, name, Literal(number))
        if numbers:
            yield replace(candidate, tree=tree, parameters={**candidate.parameters, **numbers})


def _with_magnitudes(probe: Probe, candidate: RopeCandidate) -> Iterator[RopeCandidate]:
    """Yield parameters of yarn with a factor on cos and sin that the source computes in another way than vLLM.

    It is 1, or has another number in the place of ``USUAL_MAGNITUDE``; numbers tell whether it is used.
    """
    factor = candidate.parameters.get("factor")
    if candidate.rope_type != "yarn" or not isinstance(factor, (int, float)) or factor <= 0:
        return
    found = dict.fromkeys(number for number in _before_logarithms(probe.source.file) if number != USUAL_MAGNITUDE)
    scaled = Log(entry(candidate.tree, "factor"))
    written = [(1.0, Literal(1.0)), *((1 + n * math.log(factor), Literal(n) * scaled + 1.0) for n in found)]
    for magnitude, tree in written:
        parameters = {**candidate.parameters, "attention_factor": magnitude}
        yield replace(candidate, tree=updated(candidate.tree, "attention_factor", tree), parameters=parameters)


def _before_logarithms(file: SourceFile) -> Iterator[float]:
    """Yield the numbers that a file multiplies logarithms by."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            sides = (node.left, node.right)
            numbers = [ast.literal_eval(one) for one in sides if isinstance(one, ast.Constant)]
            logarithms = [one for one in sides if isinstance(one, ast.Call) and ast.unparse(one.func).endswith("log")]
            if logarithms:
                yield from (float(number) for number in numbers if is_number(number))


def _defaults(file: SourceFile) -> Iterator[tuple[tuple[str, Any], ...]]:
    """Yield the numbers of turns that functions of a file have as the defaults of their parameters."""
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.FunctionDef):
            continue
        named = [*node.args.posonlyargs, *node.args.args]
        given = [*zip(reversed(named), reversed(node.args.defaults)), *zip(node.args.kwonlyargs, node.args.kw_defaults)]
        found = {one.arg: default.value for one, default in given if isinstance(default, ast.Constant)}
        numbers = tuple((name, number) for name in TURNS_OF_YARN if is_number(number := found.get(name)))
        if numbers:
            yield numbers


def _of_keys(probe: Probe) -> Iterator[RopeCandidate]:
    """Yield plain rotations by a theta that has a key of its own, in a list or in an object too."""
    attributes = probe.small.attributes
    for name in ("rope_theta", "rotary_emb_base", "rope_local_base_freq", "swa_rope_theta"):
        if isinstance(attributes.get(name), (int, float)):
            yield RopeCandidate(_of_theta(Key((name,))), {"rope_theta": float(attributes[name])})
    for name, value in attributes.items():
        numbers = isinstance(value, (list, tuple)) and all(isinstance(v, (int, float)) for v in value)
        if "theta" in name and is_name(name) and numbers:
            for theta in dict.fromkeys(value):
                yield RopeCandidate(_of_theta(Item(Key((name,)), LAYER)), {"rope_theta": float(theta)}, name)
    for word in ("rope_theta", "theta", "base"):  # numbers tell which of them it is
        for theta, stands_for in stated(probe, word):
            tree = stands_for.tree
            if theta > 1 and isinstance(tree, Key) and tree.path[0] != "rope_parameters":
                yield RopeCandidate(_of_theta(tree), {"rope_theta": theta})


def _of_theta(theta: Expression) -> Entries:
    return Entries((("rope_theta", theta),))


@dataclass(frozen=True)
class Turn:
    """One rotation that may lie between a projection and the attention."""

    style: str
    candidate: RopeCandidate
    rotary_dim: int
    cos: Array
    sin: Array

    def apply(self, x: Array) -> Array:
        """Rotate the first ``rotary_dim`` entries of ``x`` ``[heads, tokens, head_dim]``."""
        turned = ROTATIONS[self.style](x[..., : self.rotary_dim], self.cos, self.sin)
        return np.concatenate([turned, x[..., self.rotary_dim :]], axis=-1)

    def undo(self, x: Array) -> Array:
        """Rotate back."""
        size = self.cos**2 + self.sin**2
        turned = ROTATIONS[self.style](x[..., : self.rotary_dim], self.cos / size, -self.sin / size)
        return np.concatenate([turned, x[..., self.rotary_dim :]], axis=-1)


def turns(probe: Probe, head_dim: int, tokens: int) -> list[Turn]:
    """Return all rotations that heads of this size may have gone through, the likely ones first."""
    found = []
    length = value_of("max_position_embeddings", probe.small.attributes) or 0
    for candidate in candidates(probe):
        for rotary_dim in _rotary_dims(probe, candidate, head_dim):
            table = candidate.table(rotary_dim, tokens, int(length))
            if table is not None:
                found += [Turn(style, candidate, rotary_dim, *table) for style in ROTATIONS]
    return found


def doubt(probe: Probe) -> str:
    """Return what to say where no rotation fits: a type whose numbers vLLM reads otherwise than the reference."""
    kinds = {candidate.rope_type for candidate in candidates(probe)} - {"default"}
    shown = " and ".join(f"{kind!r}" for kind in sorted(kinds))
    return f"; if it is a rotation, vLLM's get_rope makes something else of rope_type {shown}" if kinds else ""


def _rotary_dims(probe: Probe, candidate: RopeCandidate, head_dim: int) -> list[int]:
    if candidate.rope_type in WHOLE_HEAD:
        return [head_dim]
    attributes = probe.small.attributes
    stated = [candidate.parameters.get("partial_rotary_factor"), *(attributes.get(key) for key in spellings(FRACTION))]
    fractions = [float(f) for f in stated if isinstance(f, (int, float)) and 0 < f <= 1]
    sizes = [int(head_dim * fraction) for fraction in (*fractions, *FRACTIONS)]
    if isinstance(attributes.get("rotary_dim"), int):
        sizes.insert(0, int(attributes["rotary_dim"]))
    return [size for size in dict.fromkeys(sizes) if 0 < size <= head_dim and size % 2 == 0]


def rope_spec(probe: Probe, turn: Turn, head_dim: int, real_head_dim: int) -> RopeSpec:
    """Return the spec of a rotation that was found.

    Args:
        probe: the probe.
        turn: the rotation.
        head_dim: the probe's.
        real_head_dim: the checkpoint's.
    """
    whole = turn.candidate.rope_type in WHOLE_HEAD
    stated = 1.0 if whole else turn.candidate.parameters.get("partial_rotary_factor", 1.0)
    fraction: Expression | None = None
    real = real_head_dim
    if isinstance(probe.completed.get("rotary_dim"), int) and probe.small.attributes["rotary_dim"] == turn.rotary_dim:
        fraction, real = key("rotary_dim") / HEAD_DIM, int(probe.completed["rotary_dim"])
    elif int(head_dim * float(stated)) != turn.rotary_dim:
        name = probe.key(FRACTION)
        share = turn.rotary_dim / head_dim
        fraction = Literal(share)
        if name and int(head_dim * float(probe.small.attributes[name])) == turn.rotary_dim:
            fraction, share = key(name), float(probe.completed[name])
        real = int(real_head_dim * share)
    else:
        real = int(real_head_dim * float(stated))
    candidate = turn.candidate
    check_ramp(probe, turn, real)
    _no_other_theta(probe, float(candidate.parameters["rope_theta"]))
    theta = (candidate.list_key, float(candidate.parameters["rope_theta"])) if candidate.list_key else None
    return RopeSpec(turn.style, real, real_head_dim, candidate.tree, fraction, theta)


def _no_other_theta(probe: Probe, used: float) -> None:
    """Check that no object of the config has a theta that the source, of another release, leaves unused.

    Raises:
        NotUnderstood: one has: it is not known which of both the weights were trained with.
    """
    for name in spellings("rope_theta"):
        other = at(probe.completed, name) if "." in name else None
        if isinstance(other, (int, float)) and float(other) != used:
            what = f"a rotation by theta {used:g}, while the config's {name} of {other:g} is not used"
            raise NotUnderstood(what, f"config.json: {name}, and {probe.source.file.shown}")


def listed(rope: RopeSpec | None) -> tuple[tuple[str, float], ...]:
    """Return the list of the config that a layer's theta came from, with the theta."""
    return () if rope is None or rope.layer_theta is None else (rope.layer_theta,)
