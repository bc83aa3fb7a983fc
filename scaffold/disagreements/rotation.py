"""Words and numbers of rotary embeddings that contradict each other, or of which vLLM can make no rotation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.numbers import REMEDY
from scaffold.disagreements.subject import Subject, number
from scaffold.vocabulary.lookup import at, spellings

KIND = "rotary embedding"
CONFIG = "vllm/transformers_utils/config.py, patch_legacy_rope_type"
GET_ROPE = "vllm/model_executor/layers/rotary_embedding/__init__.py, get_rope"
THETA = "rope_theta"
MAY_GO = "state the number, or take the key out where a default is meant"
SAME = {("longrope", "su"), ("default", "mrope")}
"""``rope_type`` and ``type`` that vLLM takes beside each other."""
ORIGINAL = "original_max_position_embeddings"
NEEDED: Mapping[str, tuple[str, ...]] = {
    "linear": ("factor",),
    "ntk": ("factor",),
    "dynamic": ("factor",),
    "yarn": ("factor", ORIGINAL),
    "deepseek_yarn": ("factor", ORIGINAL),
    "llama3": ("factor", ORIGINAL, "low_freq_factor", "high_freq_factor"),
    "longrope": (ORIGINAL,),
}
"""Type → the numbers that it is computed from. An absent key gets a default, or the config class refuses the file."""
WITHOUT = {"alibi": (True,), "use_alibi": (True,), "use_rope": (False,), "rotary": (False,),
           "position_embedding_type": ("nope", "alibi", "learned", "absolute", "learned_absolute")}  # fmt: skip
"""Keys and values of configs whose model turns nothing."""


@dataclass(frozen=True)
class Rope:
    """An object of rotary parameters: where it is, and what it holds."""

    where: str
    values: Mapping[str, Any]

    @property
    def type(self) -> Any:
        """Return the word that counts."""
        return self.values.get("rope_type", self.values.get("type"))

    def key(self, name: str) -> str:
        """Return a key with its place."""
        return f"{self.where}.{name}"


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield them; a model that was read has a rotation, whatever its class makes of a null."""
    found = list(_objects(subject.text))
    for rope in found:
        yield from _two_types(rope)
        yield from _two_thetas(subject, rope)
    if subject.decoder is not None or any(subject.text.get(key) in values for key, values in WITHOUT.items()):
        return
    for rope in found:
        yield from _nulls(rope)
        yield from _lists(subject, rope)
    if not any(THETA in rope.values for rope in found):
        for key in spellings(THETA):
            if key in subject.text and subject.text[key] is None:
                yield _disagreement(key, f"{key} is null", "frequencies are powers of it", MAY_GO)


def _objects(text: Mapping[str, Any]) -> Iterator[Rope]:
    """Yield the rotary parameters of a config: one object, or one for each kind of layer."""
    for key in spellings("rope_parameters"):
        rope = at(text, key)
        if isinstance(rope, dict):
            inner = [Rope(f"{key}.{name}", one) for name, one in rope.items() if isinstance(one, dict)]
            yield from inner or [Rope(key, rope)]


def _two_types(rope: Rope) -> Iterator[Disagreement]:
    new, old = rope.values.get("rope_type"), rope.values.get("type")
    if isinstance(new, str) and isinstance(old, str) and new != old and (new, old) not in SAME:
        yield Disagreement(
            KIND,
            Said(f"config.json, {rope.key('rope_type')}", f"{rope.key('rope_type')} is {new!r}"),
            Said(f"config.json, {rope.key('type')}", f"{rope.key('type')} is {old!r}"),
            serves=f"vLLM refuses a config with both ({CONFIG})",
            remedy=f"take {rope.key('type')} out if {rope.key('rope_type')} is right, else make both the same",
            decides=True,
            between="the config contradicts itself",
        )


def _two_thetas(subject: Subject, rope: Rope) -> Iterator[Disagreement]:
    """Yield a base that is stated beside the rotary parameters, too, as another number: theirs counts."""
    inner, outer = rope.values.get(THETA), subject.text.get(THETA)
    both = [value for value in (inner, outer) if isinstance(value, int | float) and not isinstance(value, bool)]
    if "." not in rope.where and len(both) == 2 and inner != outer:
        yield Disagreement(
            KIND,
            Said(f"config.json, {THETA}", f"{THETA} is {outer}"),
            Said(f"config.json, {rope.key(THETA)}", f"{rope.key(THETA)} is {inner}"),
            serves="vLLM and transformers 5 take the one of the rotary parameters, older releases the other",
            remedy="make both the same",
            between="the config contradicts itself",
        )


def _nulls(rope: Rope) -> Iterator[Disagreement]:
    needed = (*NEEDED.get(rope.type, ()), THETA) if isinstance(rope.type, str) else (THETA,)
    for name in needed:
        if name in rope.values and rope.values[name] is None and not (name == "factor" and "alpha" in rope.values):
            why = "frequencies are powers of it" if name == THETA else f"the type {rope.type} is computed from it"
            remedy = MAY_GO if name in (THETA, ORIGINAL) else "state the number"
            yield _disagreement(rope.key(name), f"{rope.key(name)} is null", why, remedy)


def _lists(subject: Subject, rope: Rope) -> Iterator[Disagreement]:
    """Yield lists with a number for each pair of turned entries that have another length."""
    pairs = _pairs(subject, rope)
    for name in ("short_factor", "long_factor") if rope.type == "longrope" else ():
        held = rope.values.get(name)
        if pairs is not None and isinstance(held, list) and len(held) != pairs:
            says = f"{rope.key(name)} has {number(len(held))} numbers"
            yield _disagreement(
                rope.key(name), says, f"{number(pairs)} pairs of entries are turned, one for each", REMEDY
            )


def _pairs(subject: Subject, rope: Rope) -> int | None:
    """Return how many pairs of entries of a head are turned; None if the config does not say."""
    text = subject.text
    size = text.get("qk_rope_head_dim") or subject.whole_number("head_dim")
    hidden, heads = subject.whole_number("hidden_size"), subject.whole_number("num_heads")
    if size is None and hidden and heads:
        size = hidden // heads
    part = rope.values.get("partial_rotary_factor", text.get("partial_rotary_factor", 1.0))
    if type(size) is not int or not isinstance(part, int | float):
        return None
    return int(size * part) // 2


def _disagreement(key: str, says: str, why: str, remedy: str) -> Disagreement:
    where = f"config.json, {key}"
    return Disagreement(
        KIND,
        Said(where, says),
        Said(where, why),
        serves=f"vLLM ends in an error while it makes the rotation ({GET_ROPE})",
        remedy=remedy,
        decides=True,
        between="no rotation can be made of the config",
    )
