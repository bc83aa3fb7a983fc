"""The plain family that a checkpoint is of, and what in its config is not of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from scaffold.checkpoint.read import Checkpoint
from scaffold.checkpoint.text import shown
from scaffold.common.tables import read_table
from scaffold.source.locate import ModelingSource
from scaffold.source.python.syntax import SourceFile
from scaffold.source.transformers.config_rope import merged
from scaffold.spec.values import Hole
from scaffold.vocabulary.rows import rows

HERE = Path(__file__).parent
WINDOWED, FULL = "sliding_attention", "full_attention"
CODE_THAT_COMPUTES_NOTHING = ("AutoTokenizer", "AutoProcessor", "AutoImageProcessor")
"""Entries of ``auto_map`` that say nothing about the model."""
NULLABLE = ("sliding_window",)
"""Required keys for which ``null`` is an answer."""


@dataclass(frozen=True)
class Family:
    """A row of ``families.yaml``."""

    architecture: str
    name: str
    model_type: str
    config_class: str
    required: tuple[tuple[str, ...], ...]
    """Keys that have to be stated, each by one of its names."""
    optional: Mapping[str, Any]
    only: Mapping[str, Any]
    idle: frozenset[str]
    rope_theta: float | None

    @property
    def known(self) -> frozenset[str]:
        """Return all keys that a config of this family may have."""
        return self.idle | self.optional.keys() | self.only.keys() | {key for keys in self.required for key in keys}

    @cached_property
    def sizes(self) -> frozenset[str]:
        """Return its keys that are sizes, by the vocabulary."""
        sizes = {key for row in rows().values() if row.is_size for key in row.keys}
        return (self.known - self.idle) & sizes

    def source(self) -> ModelingSource:
        """Return our own definition of the family."""
        path = HERE / "modeling_plain.py"
        return ModelingSource(SourceFile.parse(path), self.architecture, None, self.config_class, None)


@cache
def _table() -> Mapping[str, Any]:
    found: dict[str, Any] = read_table(HERE / "families.yaml")
    return found


@cache
def families() -> Mapping[str, Family]:
    """Return the plain families by architecture."""
    table = _table()
    return {architecture: _family(architecture, table, row) for architecture, row in table["families"].items()}


def _family(architecture: str, table: Mapping[str, Any], row: Mapping[str, Any]) -> Family:
    parts = [table["common"], row, *([table["experts"]] if row.get("has_experts") else [])]

    def joined(field: str) -> dict[str, Any]:
        return {key: value for part in parts for key, value in part.get(field, {}).items()}

    required = [key for part in parts for key in part.get("required", ())]
    return Family(
        architecture=architecture,
        name=row["name"],
        model_type=row["model_type"],
        config_class=row["config_class"],
        required=tuple((key,) if isinstance(key, str) else tuple(key) for key in required),
        optional=joined("optional"),
        only=joined("only"),
        idle=frozenset(key for part in parts for key in part.get("idle", ())),
        rope_theta=row.get("rope_theta"),
    )


def family_of(checkpoint: Checkpoint) -> Family | None:
    """Return the plain family that architecture and model type both name, or None."""
    found = families().get(checkpoint.architecture)
    is_plain = found is not None and found.model_type == checkpoint.model_type
    nested = checkpoint.text_config is not checkpoint.config
    return None if not is_plain or nested or checkpoint.is_multimodal else found


def problems(family: Family, config: Mapping[str, Any]) -> Iterator[Hole]:
    """Yield what keeps names and shapes from telling the rest: keys that are not of the family, and those missing.

    Args:
        family: the row.
        config: ``config.json`` as it is.
    """
    for key in sorted(config.keys() - family.known):
        if config[key] is not None:
            yield _hole(family, key, f"the key {key!r}, of which a plain {family.name} knows nothing")
    for key, value in family.only.items():
        if config.get(key) is not None and config[key] != value:
            yield _hole(family, key, f"{key} other than {value!r}, which no name or shape of a {family.name} explains")
    for keys in family.required:
        stated = [key for key in keys if config.get(key) is not None or (key in NULLABLE and key in config)]
        if len(stated) != 1:
            what = f"both {' and '.join(keys)}" if stated else f"no {' or '.join(keys)}"
            yield _hole(family, keys[0], f"{what}, which no name or shape tells")
    auto_map = config.get("auto_map") or {}
    custom = sorted(set(auto_map) - set(CODE_THAT_COMPUTES_NOTHING)) if isinstance(auto_map, dict) else ["?"]
    if custom:
        yield _hole(family, "auto_map", f"code of its own for {', '.join(custom)}, but no modeling source")
    yield from _type_problems(family, config)
    yield from _window_problems(family, config)
    yield from _rope_problems(family, config)


def _type_problems(family: Family, config: Mapping[str, Any]) -> Iterator[Hole]:
    for key in sorted(family.sizes):
        value = config.get(key)
        if value is not None and not (type(value) is int and value > 0):
            yield _hole(family, key, f"{key} {shown(value)} instead of one whole number above 0")
    numbers = config.get("mlp_only_layers")
    if numbers is not None and not (isinstance(numbers, list) and all(type(n) is int for n in numbers)):
        yield _hole(family, "mlp_only_layers", f"mlp_only_layers {shown(numbers)} instead of a list of layers")


def _window_problems(family: Family, config: Mapping[str, Any]) -> Iterator[Hole]:
    types = config.get("layer_types")
    other = sorted(set(types or ()) - ({FULL, WINDOWED} if "layer_types" in family.optional else {FULL}))
    if other:
        yield _hole(family, "layer_types", f"layers of the type {other[0]!r}")
    if types is not None and len(types) != config.get("num_hidden_layers"):
        yield _hole(family, "layer_types", f"{len(types)} layer types")
    if not config.get("use_sliding_window"):
        if WINDOWED in (types or ()):
            yield _hole(family, "layer_types", f"layers of the type {WINDOWED!r} without use_sliding_window")
    elif "use_sliding_window" in family.optional:
        if config.get("sliding_window") is None:
            yield _hole(family, "sliding_window", "use_sliding_window without a sliding_window")
        if types is None and config.get("max_window_layers") is None:
            yield _hole(family, "max_window_layers", "use_sliding_window without layer_types or max_window_layers")


def _rope_problems(family: Family, config: Mapping[str, Any]) -> Iterator[Hole]:
    stated = [key for key in ("rope_parameters", "rope_scaling") if config.get(key) is not None]
    if len(stated) == 2:
        yield _hole(family, stated[0], "both rope_parameters and rope_scaling")
    key = stated[0] if stated else "rope_theta"
    rope: Mapping[str, Any] = config[key] if stated else {}
    kinds = {rope[name] for name in ("rope_type", "type") if rope.get(name) is not None}
    kind = kinds.pop() if kinds else "default"
    row = _table()["rope"].get(kind)
    if row is None or kinds:
        yield _hole(family, key, f"rotary parameters of the type {kind!r}")
        return
    required, optional = row.get("required", ()), row.get("optional", ())
    for name in sorted(rope.keys() - {"rope_type", "type", "rope_theta", *required, *optional}):
        yield _hole(family, f"{key}.{name}", f"{name!r} among rotary parameters of the type {kind!r}")
    for name in required:
        if rope.get(name) is None:
            yield _hole(family, f"{key}.{name}", f"rotary parameters of the type {kind!r} without {name!r}")
    thetas = {value for value in (rope.get("rope_theta"), config.get("rope_theta")) if value is not None}
    if len(thetas) > 1 or not (thetas or family.rope_theta):
        yield _hole(family, "rope_theta", "two values of rope_theta" if thetas else "no rope_theta")


def _hole(family: Family, key: str, what: str) -> Hole:
    return Hole("model", f"no modeling source, and {what}", f"config.json, {key}")


def completed(family: Family, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config without problems, with what its family adds where it is silent.

    A head size or number of KV heads that is not stated stays so: the adapter then works it out as well, as not every
    version of a config class does.
    """
    values = {**family.optional, **{key: value for key, value in config.items() if value is not None}}
    for keys in family.required:
        values |= {key: config[key] for key in keys if key in config}
    if "mlp_only_layers" in family.optional:
        values["mlp_only_layers"] = values["mlp_only_layers"] or []
    if not values.get("use_sliding_window") and "use_sliding_window" in family.known:
        values["sliding_window"] = None
    if "layer_types" in family.optional and values["layer_types"] is None:
        first = values["max_window_layers"] if values["sliding_window"] is not None else values["num_hidden_layers"]
        values["layer_types"] = [WINDOWED if n >= first else FULL for n in range(values["num_hidden_layers"])]
    theta = {} if family.rope_theta is None else {"default_theta": family.rope_theta}
    rope = dict(values)
    values["rope_parameters"] = merged(rope, {**theta, **values}.get)
    return {key: value for key, value in values.items() if key not in ("rope_theta", "rope_scaling")}
