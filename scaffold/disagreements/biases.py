"""Biases of projections: those that the config denies or promises, and those that the files hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import Subject
from scaffold.spec.layers import LayerSpec
from scaffold.spec.values import Value
from scaffold.vocabulary.lookup import spellings

KIND = "biases"
QKV = ("q_proj", "k_proj", "v_proj", "qkv_proj", "query_key_value", "c_attn")
OUTPUT = ("o_proj",)
MLP = ("gate_proj", "up_proj", "down_proj", "gate_up_proj")


@dataclass(frozen=True)
class Switch:
    """A row: a key of the config, the modules whose biases it is about, and which have one wherever it is true."""

    key: str
    modules: tuple[str, ...]
    promised: tuple[str, ...] = ()


SWITCHES = (
    Switch("attention_bias", (*QKV, *OUTPUT), ("q_proj",)),
    Switch("qkv_bias", QKV, ("q_proj",)),
    Switch("use_qkv_bias", QKV, ("q_proj",)),
    Switch("add_qkv_bias", QKV, ("q_proj",)),
    Switch("mlp_bias", MLP, ("down_proj",)),
)
"""What the switches mean in the classes that have them, where no spec says it: in a class that was read they may mean
less."""


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield biases in the files that the model does not have, and biases that it has and the files do not."""
    if subject.decoder is not None:
        yield from _by_spec(subject)
    else:
        yield from _by_key(subject)


def _by_key(subject: Subject) -> Iterator[Disagreement]:
    for switch in SWITCHES:
        stated = subject.text.get(switch.key)
        held = [name for name in sorted(subject.names) if _is_bias(name, switch.modules)]
        weights = [n for n in sorted(subject.names) if n.endswith(tuple(f".{m}.weight" for m in switch.promised))]
        if stated is False and held:
            yield _denied(subject, switch.key, held)
        elif stated is True and weights and not held:
            yield _promised(subject, switch.key, [f"{name.removesuffix('.weight')}.bias" for name in weights])


def _is_bias(name: str, modules: tuple[str, ...]) -> bool:
    """Return whether a name is that of such a bias, in a block of the decoder's own."""
    return name.endswith(tuple(f".{module}.bias" for module in modules)) and ".cross_attn." not in name


def _by_spec(subject: Subject) -> Iterator[Disagreement]:
    assert subject.decoder is not None
    base = ".".join(part for part in (subject.decoder.base_name, subject.decoder.layers_name) if part)
    expected = {f"{path}.bias": value for layer in dict.fromkeys(subject.decoder.layers) for path, value in _of(layer)}
    denied: dict[str, list[str]] = {}
    promised: dict[str, list[str]] = {}
    for path, (has, key) in expected.items():
        name = f"{base}.*.{path}"
        beside = f"{name.removesuffix('bias')}weight" in subject.names
        if not has and name in subject.names:
            denied.setdefault(key, []).append(name)
        elif has and beside and name not in subject.names:
            promised.setdefault(key, []).append(name)
    for key, names in denied.items():
        yield _denied(subject, key, names)
    for key, names in promised.items():
        yield _promised(subject, key, names)


def _of(layer: LayerSpec) -> Iterator[tuple[str, tuple[bool, str]]]:
    """Yield path in a layer, whether it has a bias, and the key that says so."""
    for block in (*layer.mixers, *layer.feed_forwards):
        projections = _biased(block)["qkv_bias"]
        without = [projections[part] for part in getattr(block, "unbiased", ())]
        for name in without:
            yield ".".join(filter(None, (block.name, name))), (False, "")
        for field, names in _biased(block).items():
            value = getattr(block, field, None)
            for name in (n for n in names if n not in without) if isinstance(value, Value) else ():
                assert isinstance(value, Value)
                yield ".".join(filter(None, (block.name, name))), (bool(value.value), value.key or "")


def _biased(block: object) -> dict[str, list[str]]:
    """Return field of a block's spec → the layers whose bias it is about."""

    def names(*fields: str) -> list[str]:
        return [found for field in fields if (found := getattr(block, field, ""))]

    projections = list(getattr(getattr(block, "projection", None), "names", ()))
    output = [] if names("o_bias_name") else names("o_name")
    return {"qkv_bias": projections, "o_bias": output, "bias": names("gate_name", "up_name"),
            "down_bias": names("down_name")}  # fmt: skip


def _said(subject: Subject, key: str, has: bool) -> Said:
    if key:
        return subject.said(key)
    word = "has" if has else "has no"
    stated = [name for name in spellings("bias") if name in subject.text]
    return Said("config.json" + "".join(f", {name}" for name in stated), f"the class {word} such biases")


def _denied(subject: Subject, key: str, names: list[str]) -> Disagreement:
    more = f" and {len(names) - 1} more are" if len(names) > 1 else " is"
    return Disagreement(
        KIND,
        _said(subject, key, False),
        Said(", ".join(names), f"{names[0]}{more} there"),
        serves="vLLM makes no such parameter, so that loading fails or the biases are dropped",
        remedy="correct the config if the biases belong to the model, else remove them from the checkpoint",
        decides=True,
        config_fits=True,
        overrides=subject.override(key, True) if key else {},
    )


def _promised(subject: Subject, key: str, names: list[str]) -> Disagreement:
    says = f"neither {names[0]} nor {len(names) - 1} more are there" if len(names) > 1 else f"{names[0]} is not there"
    return Disagreement(
        KIND,
        _said(subject, key, True),
        Said(", ".join(names), says),
        serves="vLLM makes such parameters, and nothing fills them",
        remedy="correct the config if the model has no biases, else complete the checkpoint",
        decides=True,
        overrides=subject.override(key, False) if key else {},
    )
