"""A checkpoint's names against an existing model file: what it would not take, and what would stay empty."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scaffold.vllm_models.loaders import ROTARY, Loader, loader_of
from scaffold.vllm_models.reader import Reader
from scaffold.vllm_models.values import Choice, Node


@dataclass(frozen=True)
class NotTaken:
    """A tensor that the model would not take."""

    name: str
    at: str
    """The first part of its name, as the loader sees it, that no module or parameter has."""
    seen: str
    """Its name as the loader sees it there."""


@dataclass(frozen=True)
class AdapterCheck:
    """What became of all names.

    Attributes:
        class_name: of the model.
        taken: how many tensors a parameter takes.
        left_out: how many the loader leaves out on purpose.
        refused: what it would not take.
        empty: parameters that no tensor fills.
        unsure: tensor → why it cannot be told statically.
        suggestion: a mapper entry that would place refused tensors on empty parameters; empty if there is none.
    """

    class_name: str
    taken: int
    left_out: int
    refused: tuple[NotTaken, ...]
    empty: tuple[str, ...]
    unsure: Mapping[str, str]
    suggestion: str = ""

    @property
    def fits(self) -> bool:
        """Return whether nothing is refused and nothing stays empty."""
        return not self.refused and not self.empty


@dataclass
class _Walk:
    """What became of the names so far."""

    reader: Reader
    filled: dict[str, set[Any]]
    left_out: int = 0
    loaders: dict[int, Loader | None] | None = None

    def loader(self, node: Node) -> Loader | None:
        """Return a module's loader, read once."""
        self.loaders = {} if self.loaders is None else self.loaders
        if id(node) not in self.loaders:
            self.loaders[id(node)] = loader_of(self.reader, node)
        return self.loaders[id(node)]


def check(reader: Reader, root: Node, names: Iterable[str]) -> AdapterCheck:
    """Follow every name through the loaders and modules below ``root``."""
    walk = _Walk(reader, defaultdict(set))
    refused, unsure, taken = [], {}, 0
    for name in names:
        outcome = _load(walk, root, "", name, None)
        if isinstance(outcome, NotTaken):
            refused.append(NotTaken(name, outcome.at, outcome.seen))
        elif isinstance(outcome, str) and outcome:
            unsure[name] = outcome
        elif outcome is True:
            taken += 1
    empty = tuple(_empty(root, "", walk.filled))
    return AdapterCheck(
        root.class_name, taken, walk.left_out, tuple(refused), empty, unsure, _suggestion(refused, empty)
    )


Outcome = NotTaken | str | bool
"""Not taken; why it is unsure; True for taken, False for left out."""


def _load(walk: _Walk, node: Node, prefix: str, name: str, shard: Any) -> Outcome:
    """Hand a name to a module that has a loader of its own, or whose parent goes on."""
    loader = walk.loader(node) if not node.unread else None
    if loader is None:
        return _descend(walk, node, prefix, name, shard)
    if any(part in name for part in ROTARY) or any(name.startswith(begin) for begin in loader.skips):
        walk.left_out += 1
        return False
    mapped = loader.mapper.map(name)
    if mapped is None:
        walk.left_out += 1
        return False
    outcome = _descend(walk, node, prefix, mapped[0], shard if mapped[1] is None else mapped[1])
    return loader.own_code if isinstance(outcome, NotTaken) and loader.own_code else outcome


def _descend(walk: _Walk, node: Node, prefix: str, name: str, shard: Any) -> Outcome:
    if node.unread:
        return node.unread
    if node.tied:
        walk.left_out += 1
        return False
    first, _, rest = name.partition(".")
    path = f"{prefix}.{first}" if prefix and first else prefix or first
    if not rest and first in node.parameters:
        walk.filled[path].add(shard)
        return True
    child = node.children().get(first) if first else None
    if isinstance(child, Choice):
        return _choose(walk, child, path, rest, shard)
    if child is not None:
        return _load(walk, child, path, rest, shard)
    if name == "bias" and prefix:
        walk.left_out += 1  # AutoWeightsLoader ignores a bias that the module does not have
        return False
    return NotTaken("", path, f"{prefix}.{name}" if prefix else name)


def _choose(walk: _Walk, choice: Choice, path: str, rest: str, shard: Any) -> Outcome:
    """Ask each module that it may be; what some take and others do not is unsure."""
    outcomes = [_load(walk, node, path, rest, shard) for node in choice.nodes]
    if all(isinstance(outcome, NotTaken) for outcome in outcomes) and len(outcomes) == len(choice.options):
        return outcomes[0]
    if len(outcomes) == len(choice.options) and all(outcome is True for outcome in outcomes):
        return True
    return f"{path} is one of several modules, which one is not known"


def _empty(node: Node, prefix: str, filled: Mapping[str, set[Any]]) -> Iterator[str]:
    """Yield the parameters that must be filled and are not, or not in all parts."""
    if node.unread or node.tied:
        return
    for name, required in node.parameters.items():
        path = f"{prefix}.{name}" if name else prefix
        found = filled.get(path, set())
        lacking = [shard for shard in node.shards if shard not in found]
        if required and not found:
            yield path
        elif required and lacking and found != {None}:
            yield f"{path} ({', '.join(map(str, lacking))})"
    for name, child in node.children().items():
        if isinstance(child, Node):
            yield from _empty(child, f"{prefix}.{name}" if prefix else name, filled)


def _suggestion(refused: list[NotTaken], empty: tuple[str, ...]) -> str:
    """Return the replacement of a beginning that puts most of the refused names on empty parameters."""
    pairs: Counter[tuple[str, str]] = Counter()
    for item in refused:
        parts = item.seen.split(".")
        for cut in range(len(parts)):
            rest = ".".join(parts[cut:])
            ends = [path for path in empty if path == rest or path.endswith(f".{rest}")]
            if len(ends) == 1:
                pairs[".".join([*parts[:cut], ""]), ends[0].removesuffix(rest)] += 1
                break
    if not pairs:
        return ""
    (old, new), count = pairs.most_common(1)[0]
    return f'"{old}" → "{new}" in orig_to_new_prefix of its WeightsMapper would place {count} of them or more'
