"""A checkpoint against an existing model file: what it would not take, in which shape, and what would stay empty."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from scaffold.checkpoint.headers import Form
from scaffold.vllm_models.reader import Reader
from scaffold.vllm_models.values import Node
from scaffold.vllm_models.walk import LeftOut, Misshapen, NotTaken, Outcome, Tensor, Took, Walk

EXPERTS = ".experts."


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
        shapes_unsure: what of the shapes of tensors that are taken cannot be told → how many.
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
    suggestion: str = ""

    @property
    def fits(self) -> bool:
        """Return whether nothing is refused or misshapen and nothing stays empty."""
        return not self.refused and not self.misshapen and not self.empty


def check(reader: Reader, root: Node, forms: Mapping[str, Form]) -> AdapterCheck:
    """Follow every name through the loaders and modules below ``root``."""
    walk = Walk(reader)
    refused: list[NotTaken] = []
    misshapen: list[Misshapen] = []
    dropped: list[str] = []
    unsure: dict[str, str] = {}
    shapes: Counter[str] = Counter()
    taken = left_out = 0
    for names, outcome in _outcomes(walk, root, forms):
        if isinstance(outcome, NotTaken):
            refused += [NotTaken(name, outcome.at, outcome.seen) for name in names]
        elif isinstance(outcome, Misshapen):
            misshapen += [Misshapen(name, outcome.parameter, outcome.found, outcome.asked) for name in names]
        elif isinstance(outcome, str):
            unsure |= dict.fromkeys(names, outcome)
        elif isinstance(outcome, Took):
            taken += len(names)
            shapes.update({outcome.unsure: len(names)} if outcome.unsure else {})
        else:
            left_out += len(names)
            dropped += names if outcome.dropped else []
    empty = tuple(_empty(root, "", walk))
    return AdapterCheck(
        root.class_name, taken, left_out, tuple(refused), tuple(misshapen), tuple(dropped), empty, unsure,
        dict(shapes), _suggestion(refused, empty),
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
        alike = outcome.together if isinstance(outcome, Took) else isinstance(outcome, LeftOut | str)
        if alike or len(names) == 1:
            yield names, outcome
        else:
            yield from (([name], walk.load(root, "", name, Tensor(form))) for name in names)


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


def _suggestion(refused: Iterable[NotTaken], empty: tuple[str, ...]) -> str:
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
