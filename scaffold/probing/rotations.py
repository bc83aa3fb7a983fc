"""Rotary embeddings: the canonical rotations, and the frequencies that vLLM makes of a config's parameters."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from scaffold.expressions.evaluate import evaluate
from scaffold.expressions.tree import HEAD_DIM, LAYER, Entries, Expression, Item, Key, Literal, is_name, key, updated
from scaffold.probing.numbers import stated
from scaffold.probing.probe import Probe
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.shadows import is_number, is_step
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch.operations import before
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

ANGLES = ("cos", "sin", "polar")
"""Operations of angles."""

FRACTIONS = (1.0, 0.5, 0.25, 0.75)
"""Parts of the head that models are known to rotate; those that the config states are tried first."""
FRACTION = "partial_rotary_factor"
LEGACY_THETA = 10000.0
"""Where neither config nor source keep it."""

TURNS_OF_YARN = {"beta_fast": 32.0, "beta_slow": 1.0}
"""How often an entry turns within the original length at the ends of yarn's ramp, where vLLM is told nothing else."""
LEAST_RAMP = 0.001
"""Entries between the ends of yarn's ramp where both are the same one."""

Frequencies = Callable[[Mapping[str, Any], int, int], "tuple[Array, float] | None"]
"""Parameters, rotary_dim, max_position → ``[rotary_dim / 2]`` and the factor on cos and sin; None: not as vLLM."""


def _inverse(parameters: Mapping[str, Any], size: int) -> Array:
    return 1.0 / float(parameters["rope_theta"]) ** (np.arange(0, size, 2) / size)


def _default(parameters: Mapping[str, Any], size: int, length: int) -> tuple[Array, float]:
    return _inverse(parameters, size), 1.0


def _linear(parameters: Mapping[str, Any], size: int, length: int) -> tuple[Array, float]:
    return _inverse(parameters, size) / float(parameters["factor"]), 1.0


def _llama3(parameters: Mapping[str, Any], size: int, length: int) -> tuple[Array, float]:
    """Source: vllm/model_executor/layers/rotary_embedding/llama3_rope.py."""
    frequencies = _inverse(parameters, size)
    low, high = float(parameters["low_freq_factor"]), float(parameters["high_freq_factor"])
    original, factor = float(parameters["original_max_position_embeddings"]), float(parameters["factor"])
    length_of = 2 * math.pi / frequencies
    smooth = (original / length_of - low) / (high - low) if low != high else np.zeros_like(frequencies)
    mixed = (1 - smooth) * frequencies / factor + smooth * frequencies
    out = np.where(length_of > original / low, frequencies / factor, mixed)
    return np.where(length_of < original / high, frequencies, out), 1.0


def _yarn(parameters: Mapping[str, Any], size: int, length: int) -> tuple[Array, float]:
    """Source: vllm/model_executor/layers/rotary_embedding/{yarn_scaling_rope,common}.py."""
    factor = float(parameters["factor"])
    low, high = _ends_of_yarn(parameters, size, length)
    ramp = np.clip((np.arange(size // 2) - low) / (high - low), 0, 1)
    frequencies = _inverse(parameters, size)
    mixed = frequencies / factor * ramp + frequencies * (1 - ramp)
    return mixed, _yarn_factor(parameters, factor)


def _ends_of_yarn(parameters: Mapping[str, Any], size: int, length: int) -> tuple[float, float]:
    """Return between which entries frequencies go over from the original ones to those that are divided."""
    base = float(parameters["rope_theta"])
    original = float(parameters.get("original_max_position_embeddings") or length)
    beta_fast, beta_slow = (float(parameters.get(name) or number) for name, number in TURNS_OF_YARN.items())

    def dimension(rotations: float) -> float:
        return size * math.log(original / (rotations * 2 * math.pi)) / (2 * math.log(base))

    low, high = dimension(beta_fast), dimension(beta_slow)
    if parameters.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, size - 1)
    return low, high if high != low else low + LEAST_RAMP


def _yarn_factor(parameters: Mapping[str, Any], factor: float) -> float:
    def magnitude(mscale: float) -> float:
        return 0.1 * mscale * math.log(factor) + 1.0 if factor > 1 else 1.0

    if parameters.get("attention_factor") is not None:
        return float(parameters["attention_factor"])
    mscale, all_dim = parameters.get("mscale"), parameters.get("mscale_all_dim")
    if mscale and all_dim:
        return magnitude(float(mscale)) / magnitude(float(all_dim))
    return magnitude(1.0)


def _dynamic(parameters: Mapping[str, Any], size: int, length: int) -> tuple[Array, float]:
    """Source: vllm/model_executor/layers/rotary_embedding/dynamic_ntk_{alpha,scaling}_rope.py."""
    if "alpha" in parameters:
        grown = float(parameters["alpha"])
    else:
        factor, trained = float(parameters["factor"]), float(parameters.get("max_trained_positions") or length)
        grown = factor * length / trained - (factor - 1)
    return _inverse({"rope_theta": float(parameters["rope_theta"]) * grown ** (size / (size - 2))}, size), 1.0


def _longrope(parameters: Mapping[str, Any], size: int, length: int) -> tuple[Array, float] | None:
    """Return those of sequences that are no longer than the original length.

    vLLM takes ``long_factor`` for all sequences once it serves longer ones; the reference only for the longer ones.
    Neither ``factor`` nor ``attention_factor`` are read there: the factor is that of the lengths.
    Source: vllm/model_executor/layers/rotary_embedding/phi3_long_rope_scaled_rope.py.
    """
    short, original = np.array(parameters["short_factor"], float), float(parameters["original_max_position_embeddings"])
    if len(short) != size // 2:
        return None
    scale = length / original
    factor = math.sqrt(1 + math.log(scale) / math.log(original)) if scale > 1 else 1.0
    return _inverse(parameters, size) / short, float(parameters.get("short_mscale") or factor)


def _proportional(parameters: Mapping[str, Any], size: int, length: int) -> tuple[Array, float] | None:
    """Return those of a whole head, of which the last do not turn. vLLM does not read ``factor``.

    Source: vllm/model_executor/layers/rotary_embedding/gemma4_rope.py.
    """
    if float(parameters.get("factor") or 1.0) != 1:
        return None
    turning = int(size * float(parameters.get("partial_rotary_factor") or 1.0)) // 2
    return np.where(np.arange(size // 2) < turning, _inverse(parameters, size), 0.0), 1.0


ROPE_TYPES: dict[str, Frequencies] = {
    "default": _default,
    "linear": _linear,
    "llama3": _llama3,
    "yarn": _yarn,
    "dynamic": _dynamic,
    "longrope": _longrope,
    "proportional": _proportional,
}
"""``rope_type`` → what vLLM's ``get_rope`` makes of the parameters."""

OLDER = {"su": "longrope", "mrope": "default"}
"""Older words, which vLLM renames as it reads a config (patch_rope_parameters_dict in transformers_utils/config.py)."""
WHOLE_HEAD = ("proportional",)
"""Types that are given the whole head, whatever part of it turns."""


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
        yield from _with_defaults(probe, candidate)
        yield candidate
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
    _check_ramp(probe, turn, real)
    _no_other_theta(probe, float(candidate.parameters["rope_theta"]))
    theta = (candidate.list_key, float(candidate.parameters["rope_theta"])) if candidate.list_key else None
    return RopeSpec(turn.style, real, real_head_dim, candidate.tree, fraction, theta)


def _check_ramp(probe: Probe, turn: Turn, real_size: int) -> None:
    """Check that yarn's ramp ends for the checkpoint, too, where vLLM's does.

    Its ends are whole entries of a head: numbers that differ a little, such as the source's own for ``beta_fast``, may
    round to the same ones at the sizes of both probes and to others at the checkpoint's.

    Args:
        probe: the probe.
        turn: the rotation, which has the numbers of vLLM's at the probe's sizes.
        real_size: the entries of a head that turn, for the checkpoint.

    Raises:
        NotUnderstood: it ends elsewhere, or that is not known.
    """
    if turn.candidate.rope_type != "yarn" or not turn.candidate.parameters.get("truncate", True):
        return
    real = evaluate(turn.candidate.tree, probe.completed)
    sizes = (
        (turn.candidate.parameters, turn.rotary_dim, probe.small.attributes),
        (real, real_size, probe.completed),
    )
    (low, high), (real_low, real_high) = (
        _ends_of_yarn(parameters, size, int(value_of("max_position_embeddings", config) or 0))
        for parameters, size, config in sizes
    )
    begins, ends, wide = (low, real_low), (high, real_high), (high - low, real_high - real_low)
    found = list(_of_angles(probe))
    if high - low == LEAST_RAMP != real_high - real_low:  # added where both are one in the probe: a choice of its own
        found = [((one, real - LEAST_RAMP if one in (high, high - low) else real), step) for (one, real), step in found]

    def is_made(*parts: tuple[float, float]) -> bool:
        return any(_same(one, part) for one, _ in found for part in parts)

    explained = all(any(map(partial(_same, one), (begins, ends, wide))) for one, rounded in found if rounded)
    as_vllm = (_same(begins, begins[:1] * 2) or is_made(begins)) and (_same(wide, wide[:1] * 2) or is_made(wide, ends))
    if not (explained and as_vllm):
        what = "a yarn rotation whose ramp does not end for the checkpoint where vLLM's does"
        raise NotUnderstood(what, probe.source.file.shown)


def _of_angles(probe: Probe) -> Iterator[tuple[tuple[float, float], bool]]:
    """Yield the numbers that angles are made of and that are others for the checkpoint.

    Each is the probe's with the checkpoint's, and whether it was rounded on its way.
    """
    run = list(probe.root.all_operations())
    angles = [op for op in (*run, *before(run)) if op.name in ANGLES]
    for op in before(angles):
        for number in (*op.args, *op.kwargs.values()):
            if is_number(number) and (real := probe.interpreter.decisions.real(number)) != number:
                yield (float(number), float(real)), is_step(number)


def _same(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return math.isclose(one[0], other[0], rel_tol=1e-9) and math.isclose(one[1], other[1], rel_tol=1e-9)


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
