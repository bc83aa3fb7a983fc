"""The nearest registered models and what a checkpoint differs in from each: spec, tensors, config keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

from scaffold.checkpoint.patterns import patterns
from scaffold.expressions.python import shown
from scaffold.expressions.tree import Expression
from scaffold.reading.of_checkpoint import Reading
from scaffold.roots.nearest import Near, nearest
from scaffold.roots.registered import registry_facts
from scaffold.roots.vllm_tree import Registered, VllmTree
from scaffold.spec.values import Value
from scaffold.strategy.candidates import Candidates

MOST = 12
"""Differences of one spec that are told."""
NOT_OF_THE_MODEL = frozenset({"_name_or_path", "auto_map", "architectures", "transformers_version", "model_type"})
HOLES = "that of the checkpoint has holes"
NOT_READ = "transformers' source of {} is not read at this config"
BASE_CONFIG = "configuration_utils.py"


@dataclass(frozen=True)
class Differences:
    """A registered architecture that is near, and in what the checkpoint is another model.

    Attributes:
        near: the architecture, and names of modules that only one of both has.
        spec: fields of the spec with both values, the checkpoint's first; None where one of both could not be read.
        unread: which one that is.
        config_keys: keys of the checkpoint's config that the architecture's config class does not know.
        version: of the vLLM that has it, if its tree says so. Which one had it first, a tree does not tell.
    """

    near: Near
    spec: tuple[str, ...] | None
    config_keys: tuple[str, ...]
    version: str | None
    unread: str = ""

    @property
    def entry(self) -> Registered:
        """Return the entry of the registry."""
        return self.near.entry

    def lines(self) -> Iterator[str]:
        """Yield what people read of it."""
        where = f"vLLM {self.version}" if self.version else "this vLLM"
        yield f"{self.entry.architecture}, in {where}: {self.near.likeness:.0%} of the names alike"
        if self.spec is None:
            yield f"  its spec could not be compared: {self.unread}"
        elif not self.spec:
            yield "  the same spec"
        yield from (f"  spec: {one}" for one in self.spec or ())
        if self.near.only_here:
            yield f"  tensors: only here {', '.join(self.near.only_here[:MOST])}"
        if self.config_keys:
            yield f"  config keys that it does not know: {', '.join(self.config_keys[:MOST])}"


def nearest_models(reading: Reading, tree: VllmTree, count: int = 2) -> tuple[Differences, ...]:
    """Return the nearest registered architectures with the differences to them; none without transformers."""
    if reading.transformers is None:
        return ()
    checkpoint = reading.checkpoint
    registry = {name: entry for name, entry in tree.registry.items() if name != checkpoint.architecture}
    candidates = Candidates(reading.transformers, checkpoint, reading.source)
    version = registry_facts(tree, checkpoint.architecture).version
    found = []
    for near in nearest(patterns(checkpoint.weights.forms), registry, reading.transformers, count):
        spec, unread = None, HOLES
        if reading.spec.decoder is not None:
            other, too_much = candidates.quick_spec_of(near.entry)
            unread = NOT_READ.format(near.entry.architecture) + (f": it would take {too_much}" if too_much else "")
            if other is not None:
                spec = tuple(differences(reading.spec.decoder, other))[:MOST]
        folder = candidates.folder(near.entry)
        keys = _unknown_keys(checkpoint.text_config, reading.transformers, folder) if folder else ()
        found.append(Differences(near, spec, keys, version, "" if spec is not None else unread))
    return tuple(found)


def differences(first: object, second: object, path: str = "") -> Iterator[str]:
    """Yield path and both values of all fields in which two specs differ; layers that differ alike are told once."""
    if isinstance(first, tuple) and isinstance(second, tuple) and len(first) == len(second):
        told: set[str] = set()
        for index, (one, other) in enumerate(zip(first, second)):
            for text in differences(one, other, f"{path}[{index}]") if one != other else ():
                _, _, rest = text.partition("]")
                if rest not in told:
                    told.add(rest)
                    yield text
    elif is_dataclass(first) and type(first) is type(second) and not isinstance(first, Value | Expression):
        for field in fields(first):
            one, other = getattr(first, field.name), getattr(second, field.name)
            if field.compare and one != other:
                yield from differences(one, other, f"{path}.{field.name}".strip("."))
    elif _shown(first) != _shown(second):  # what is computed of other numbers by one expression is told there
        yield f"{path}: {_shown(first)} here, {_shown(second)} there"


def _shown(value: object) -> str:
    tree = value.tree if isinstance(value, Value) else value
    return shown(tree) if isinstance(tree, Expression) else str(value)[:80]


def _unknown_keys(config: Mapping[str, object], transformers: Path, folder: str) -> tuple[str, ...]:
    files = (transformers / "models" / folder / f"configuration_{folder}.py", transformers / BASE_CONFIG)
    words = {word for path in files if path.is_file() for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}
    return tuple(sorted(key for key in config if key not in words | NOT_OF_THE_MODEL))
