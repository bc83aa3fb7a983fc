"""A checkpoint against an existing model file: what it would not take, in which shape, and what would stay empty."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from scaffold.checkpoint.headers import Form
from scaffold.vllm_models.reader import Reader
from scaffold.vllm_models.suggest import suggestion
from scaffold.vllm_models.switches import module_around, switches
from scaffold.vllm_models.values import Choice, Node, Unknown
from scaffold.vllm_models.walk import LeftOut, Misshapen, NotTaken, Outcome, Tensor, Took, Unsure, Walk

EXPERTS = ".experts."
_MADE_BY_CLASS = re.compile(r"\b_*[A-Z]\w*\(\)$")


@dataclass(frozen=True)
class AdapterCheck:
    """What became of all tensors.

    Attributes:
        class_name: of the model.
        taken: how many tensors a parameter takes.
        left_out: how many the loader leaves out on purpose.
        refused: what it would not take.
        misshapen: what has another shape than its parameter.
        dropped: what the loader leaves out without a word, as the model has no such parameter.
        empty: parameters that no tensor fills.
        unsure: tensor → why it cannot be told statically.
        homeless: tensor → where its loader has code of its own, which finds no parameter that is left for it.
        filled: of names that the checkpoint does not have, those whose place other tensors fill: packed, or split.
        faults: where making the modules fails for certain, with this config.
        misfits: tensor-parallel size → why it cannot be served at that.
        shapes_unsure: what of the shapes of tensors that are taken cannot be told → how many.
        brought: of parameters that no tensor fills, those that a loader may fill with tensors of its own → where.
        suggestion: a mapper entry that would place refused tensors on empty parameters; empty if there is none.
    """

    class_name: str
    taken: int
    left_out: int
    refused: tuple[NotTaken, ...]
    misshapen: tuple[Misshapen, ...]
    dropped: tuple[str, ...]
    empty: tuple[str, ...]
    unsure: Mapping[str, str]
    shapes_unsure: Mapping[str, int]
    homeless: Mapping[str, str] = field(default_factory=dict)
    filled: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    misfits: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    brought: Mapping[str, str] = field(default_factory=dict)
    suggestion: str = ""

    @property
    def fits(self) -> bool:
        """Return whether nothing is refused or misshapen and nothing stays empty."""
        return not (self.refused or self.misshapen or self.empty or self.faults)


def check(reader: Reader, root: Node, forms: Mapping[str, Form], absent: Iterable[str] = ()) -> AdapterCheck:
    """Follow every name through the loaders and modules below ``root``.

    Args:
        reader: of the files.
        root: the model.
        forms: all tensors.
        absent: names that the checkpoint does not have, and that its model's source has.
    """
    faults = tuple(fault.says for fault in reader.faults)
    walk = Walk(reader)
    refused: list[NotTaken] = []
    misshapen: list[Misshapen] = []
    dropped: list[str] = []
    unsure: dict[str, str] = {}
    nowhere: dict[str, str] = {}
    shapes: Counter[str] = Counter()
    taken = left_out = 0
    for names, outcome in _outcomes(walk, root, forms):
        if isinstance(outcome, NotTaken):
            refused += [NotTaken(name, outcome.at, outcome.seen) for name in names]
        elif isinstance(outcome, Misshapen):
            misshapen += [Misshapen(name, outcome.parameter, outcome.found, outcome.asked) for name in names]
        elif isinstance(outcome, Unsure):
            unsure |= dict.fromkeys(names, outcome.why)
            nowhere |= dict.fromkeys(names, outcome.seen) if outcome.seen else {}
        elif isinstance(outcome, Took):
            taken += len(names)
            shapes.update({outcome.unsure: len(names)} if outcome.unsure else {})
        else:
            left_out += len(names)
            dropped += names if outcome.dropped else []
    bare = tuple(_empty(root, "", walk))
    brought = {path: where for path in bare if (where := _brought(path, walk))}
    empty = tuple(path for path in bare if path not in brought)
    rooms = {seen: module_around(root, seen) for seen in nowhere.values()}
    full = {seen for seen, module in rooms.items() if not has_room(module, walk)}
    return AdapterCheck(
        root.class_name, taken, left_out, tuple(refused), tuple(misshapen), tuple(dropped), empty, unsure,
        dict(shapes), {
            name: "; ".join(filter(None, (unsure[name], switches(reader, rooms[seen]))))
            for name, seen in nowhere.items() if seen in full
        },
        tuple(name for name in absent if walk.is_filled(root, name)), faults,
        brought=brought, suggestion=suggestion(reader, root, refused, bare, forms),
    )  # fmt: skip


def _outcomes(walk: Walk, root: Node, forms: Mapping[str, Form]) -> Iterator[tuple[Sequence[str], Outcome]]:
    """Yield what became of the tensors; those of experts that differ in their number alone go together."""
    together: dict[tuple[str, str, Form], list[int]] = defaultdict(list)
    for name, form in forms.items():
        before, mark, after = name.rpartition(EXPERTS)
        number, _, rest = after.partition(".")
        if mark and rest and number.isdecimal() and str(int(number)) == number:
            together[before, rest, form].append(int(number))
        else:
            yield [name], walk.load(root, "", name, Tensor(form))
    for (before, rest, form), numbers in together.items():
        names = [f"{before}{EXPERTS}{number}.{rest}" for number in numbers]
        outcome = walk.load(root, "", names[0], Tensor(form, numbers))
        alike = outcome.together if isinstance(outcome, Took) else isinstance(outcome, LeftOut | Unsure)
        if alike or len(names) == 1:
            yield names, outcome
        else:
            yield from (([name], walk.load(root, "", name, Tensor(form))) for name in names)


def has_room(node: Node, walk: Walk) -> bool:
    """Return whether below a module a parameter is left that a loader could fill, or may be, as not all is known.

    What came out of a function that could not be followed is no module here; what a class made may be one.
    """
    if node.unread or node.quantised:
        return True
    for name, parameter in node.parameters.items():
        found = walk.filled.get((id(node), name), set())
        if not node.tied and not (None in found or (parameter.shards and found >= set(parameter.shards))):
            return True
    if node.experts is not None:
        held = walk.of_experts.get(id(node), set())
        return bool(node.experts.quantised) or node.experts.has_bias is not False or any(_empty_experts(node, "", held))
    values = node.attributes.values()
    if any(isinstance(value, Unknown) and value.made and _MADE_BY_CLASS.search(value.why) for value in values):
        return True
    return any(
        has_room(child, walk) for value in values if isinstance(value, Node | Choice)
        for child in ([value] if isinstance(value, Node) else value.nodes)
    )  # fmt: skip


def _brought(path: str, walk: Walk) -> str:
    """Return where a loader around a parameter may bring what fills it; empty if none does."""
    around = (where for prefix, where in walk.brings.items() if not prefix or path.startswith(f"{prefix}."))
    return next(around, "")


def _empty(node: Node, prefix: str, walk: Walk) -> Iterator[str]:
    """Yield the parameters that must be filled and are not, or not in all parts."""
    if node.unread or node.tied or prefix in walk.own_code:
        return
    for name, parameter in node.parameters.items():
        path = f"{prefix}.{name}" if name and prefix else name or prefix
        found = walk.filled.get((id(node), name), set())
        lacking = [shard for shard in parameter.shards if shard not in found]
        if parameter.required and not found:
            yield path
        elif parameter.required and lacking and None not in found:
            yield f"{path} ({', '.join(map(str, lacking))})"
    if node.experts is not None:
        yield from _empty_experts(node, prefix, walk.of_experts.get(id(node), set()))
    for name, child in node.children().items():
        if isinstance(child, Node):
            yield from _empty(child, f"{prefix}.{name}" if prefix else name, walk)


def _empty_experts(node: Node, path: str, found: set[tuple[int, str]]) -> Iterator[str]:
    """Yield the experts that lack a matrix, a line for each matrix."""
    assert node.experts is not None
    count = node.experts.count
    if count is None or not found:
        yield from () if found else (path,)
        return
    for shard in node.experts.required():
        lacking = [number for number in range(count) if (number, shard) not in found]
        if (-1, shard) not in found and lacking:
            yield f"{path} ({shard} of {len(lacking)} of {count} experts, {lacking[0]} first)"
