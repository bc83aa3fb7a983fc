"""From the operations between two boundaries to statements: named and grouped as the source has them."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scaffold.carried.axes import Axes, Axis
from scaffold.carried.operations import SHAPES
from scaffold.carried.operations import write as write_operation
from scaffold.carried.sources import Statements, lines_of, shown
from scaffold.carried.values import ATOM, PRODUCT, SIGN, SUM, Val, normal, viewed
from scaffold.expressions.python import write as write_expression
from scaffold.expressions.tree import Binary, Expression, Key, Literal
from scaffold.probing.numbers import explain
from scaffold.probing.probe import Probe
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.operations import Operation, Traced, tensors_in
from scaffold.source.torch.tensors import Tensor
from scaffold.source.transformers.config_values import key_of

CONFIG = "self.config"
LEVELS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "%": PRODUCT, "**": SIGN + 1}
UPCAST = (".float()", "positions", "float32", "torch.arange(")
"""What makes float32 of what is less."""
MAX_OPERATIONS = 200
"""Nobody reads an adapter with more between two boundaries."""
Leaf = Callable[[Tensor], "Val | None"]


@dataclass(frozen=True)
class Surroundings:
    """What the statements of one block are written with.

    Attributes:
        probe: the probe.
        statements: of the source's files.
        order: when each operation happened, by its ``id``.
        words: role of a size → what the adapter calls it.
        reserved: names that mean something else there.
        constants: numbers that stand in the block's classes, and what is computed of those alone.
    """

    probe: Probe
    statements: Statements
    order: Mapping[int, int]
    words: Mapping[str, str]
    reserved: frozenset[str]
    constants: Mapping[float, Expression] = field(default_factory=dict)


class Program:
    """The statements that make one tensor of others.

    Args:
        around: what they are written with.
        axes: of the stretch.
        leaf: returns how a tensor is written that is there already, None for one that has to be computed.
        renamed: names of the source → those of the adapter.
        given: what the adapter calls the block's input, whose dtype values go back to, and on whose device they are.
        calls: calls of norms that the adapter has as modules, by the ``id`` of what they give.
    """

    def __init__(
        self,
        around: Surroundings,
        axes: Axes,
        leaf: Leaf,
        renamed: Mapping[str, str],
        given: str,
        calls: Mapping[int, Operation],
    ) -> None:
        self.around, self.axes, self.calls = around, axes, calls
        self.dtype, self.device = f"{given}.dtype", f"{given}.device"
        self.leaf, self.renamed = leaf, renamed
        self.lines: list[str] = []
        self.places: list[str] = []
        self.needs_config = False
        self._known: dict[int, Val] = {}
        self._kept: list[Tensor] = []
        self._held: dict[int, Tensor] = {}  # buffers: copies of what an operation before the run made
        self._holds: dict[str, int] = {}
        self._pending: dict[int, int] = {}
        self._inside: dict[int, frozenset[str]] = {}

    # --- what operations ask for

    def value(self, tensor: Tensor) -> Val:
        """Return how a tensor is written that was computed before."""
        found = self._known.get(id(tensor))
        if found is None:
            raise NotUnderstood("a tensor of unknown origin")
        return found

    def number(self, number: Any, operation: Operation) -> Val:
        """Return a number: as it stands in the source, else by the key of the config that says it."""
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise NotUnderstood(f"{type(number).__name__} where a number is expected")
        key = key_of(number)
        if key is None and number < 0:
            positive = self.number(-number, operation)
            return Val(f"-{positive.at_least(SIGN)}", SIGN, (), ())
        probe = self.around.probe
        number = float(number) if isinstance(number, float) else int(number)
        if key is not None and key in probe.small.attributes and probe.small.attributes[key] == number:
            return self._expression(Key((key,)))
        value = float(number)
        for constants in (self.around.statements.constants_at(operation.where), self.around.constants):
            if abs(value) in constants and isinstance(constants[abs(value)], Literal):
                return _literal(number)
            if value in constants:
                written = self._written(constants[value])
                return replace(written, level=SUM) if written.level == PRODUCT else written  # 1 / 3 stays together
        found = explain(probe, float(number))
        if found is not None and (found.key or found.expression):
            return self._expression(found.tree)
        return _literal(number)

    def is_stated(self, number: float, operation: Operation) -> bool:
        """Return whether a number stands in an operation's statement as it is."""
        return isinstance(self.around.statements.constants_at(operation.where).get(float(number)), Literal)

    def says(self, operation: Operation, *words: str) -> bool:
        """Return whether one of some attributes stands in an operation's statement."""
        return self.around.statements.says_word(operation.where, *words)

    def _expression(self, tree: Expression) -> Val:
        self.needs_config = True
        return self._written(tree)

    def _written(self, tree: Expression) -> Val:
        code = write_expression(tree, CONFIG, self.around.words)
        return Val(code, LEVELS[tree.op] if isinstance(tree, Binary) else ATOM, (), ())

    # --- statements

    def run(self, target: Tensor, name: str, axes: tuple[Axis, ...] | None = None) -> Val:
        """Write the statements after which ``name`` holds a tensor.

        Args:
            target: the source's tensor.
            name: of the adapter.
            axes: as what it is held: those of a view of it; None for its own.

        Raises:
            NotUnderstood: an operation between cannot be carried over.
        """
        needed = self._needed(target)
        for op in needed:
            for tensor in tensors_in((op.args, op.kwargs)):
                self._pending[id(tensor)] = self._pending.get(id(tensor), 0) + 1
        self._views_of_leaves()
        for op in needed:
            self._write(op, needed, name if op is needed[-1] else "")
        found = self.value(target)
        if axes is not None:
            found = viewed(found, axes, self.axes)
        found = self._as_given(found, name)
        if found.code != name:
            self._assign(name, found, id(target))
        return Val(name, ATOM, found.axes, normal(found.axes))

    @property
    def comment(self) -> str:
        """Return file and lines of what the statements compute."""
        return shown(sorted(self.places, key=_first_line))

    def _views_of_leaves(self) -> None:
        """Write statements for views of what is there already that are used more than once."""
        for tensor in list(self._kept):
            known = self._known[id(tensor)]
            begin = known.code.partition(".")[0]
            if begin != "self" and known.code != begin and self._pending.get(id(tensor), 0) > 1:
                self._assign(begin, known, id(tensor))

    def _as_given(self, found: Val, name: str) -> Val:
        """Return a result in the dtype of what was given, where float32 was computed with."""
        if not any(word in line for line in (*self.lines, found.code) for word in UPCAST):
            return found
        back, begin = f"to({self.dtype})", f"{name} = "
        if found.code != name or not self.lines or not self.lines[-1].startswith(begin):
            return found if found.code.endswith(back) else found.method(back)
        if not self.lines[-1].endswith(back):
            self.lines[-1] = f"{begin}({self.lines[-1].removeprefix(begin)}).{back}"
        return found

    def _needed(self, target: Tensor) -> list[Operation]:
        """Return the operations between leaves and a tensor, in the order in which they happened."""
        found: dict[int, Operation] = {}
        left: list[Tensor] = [target]
        seen: set[int] = set()
        while left:
            tensor = left.pop()
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            known = self.leaf(tensor)
            if known is not None:
                self._known[id(tensor)] = known
                self._kept.append(tensor)
                if known.code.isidentifier():
                    self._holds[known.code] = id(tensor)
                continue
            op = self.calls.get(id(tensor), tensor.origin)
            if op is None:
                raise NotUnderstood(
                    f"a tensor {list(tensor.shape)} that no operation of this block made, such as one of another layer"
                )
            found[id(op)] = op
            if id(op) not in self.around.order and isinstance(op.output, Tensor):
                self._held[id(op)] = tensor
            if len(found) > MAX_OPERATIONS:
                raise NotUnderstood(f"more than {MAX_OPERATIONS} operations")
            left += [one for one in tensors_in((op.args, op.kwargs)) if isinstance(one, Tensor)]
        first = [op for op in found.values() if id(op) not in self.around.order]
        depths = _depths(first)  # what was made before the run, such as tables of ``__init__``
        return sorted(found.values(), key=lambda op: (self.around.order.get(id(op), -1), depths.get(id(op), 0)))

    def _write(self, op: Operation, needed: Iterable[Operation], name: str) -> None:
        used = tensors_in((op.args, op.kwargs))
        if op.name not in SHAPES:
            self._view_first(used)
        found = write_operation(self, op)
        inside = frozenset().union(*(self._inside.get(id(one), frozenset()) for one in used))
        inside |= {self._known[id(one)].code for one in used if self._known[id(one)].code.isidentifier()}
        for one in used:
            self._pending[id(one)] -= 1
        if op.where and op.name not in SHAPES:
            self.places.append(op.where)
        outputs = op.output if isinstance(op.output, tuple) else (op.output,)
        if isinstance(found, tuple):
            self._unpack(op, outputs, found)
            return
        output: Any = self._held.get(id(op), outputs[0])
        self._known[id(output)], self._inside[id(output)] = found, inside
        self._kept.append(output)
        if found.code.isidentifier() or found.code.removeprefix("self.").isidentifier():
            return
        ends = self._ends_statement(op, output, needed)
        names = self.around.statements.names(op.where) if ends else ()
        wanted = name or (self.renamed.get(names[0], names[0]) if len(names) == 1 and names[0] != "_" else "")
        if found.base is not None and self._pending.get(id(output), 0) < 2:
            return  # only another view, which is written where it is needed
        if wanted or self._pending.get(id(output), 0) > 1:
            self._assign(wanted or self._word(op), found, id(output))

    def _view_first(self, used: Iterable[Traced]) -> None:
        """Write a statement for what is only another view of a name, before something is computed with it."""
        for one in used:
            found = self._known.get(id(one))
            if found is None or found.base is None or found.code.isidentifier():
                continue
            if found.base[0].isidentifier():
                self._pending[id(one)] -= 1  # what holds the name is this view itself
                self._assign(found.base[0], found, id(one))
                self._pending[id(one)] += 1

    def _ends_statement(self, op: Operation, output: Tensor, needed: Iterable[Operation]) -> bool:
        """Return whether nothing else of the statement computes with what an operation gives."""
        users = [one for one in needed if any(t is output for t in tensors_in((one.args, one.kwargs)))]
        return all(one.where != op.where for one in users)

    def _unpack(self, op: Operation, outputs: tuple[Any, ...], found: tuple[Val, ...]) -> None:
        used = [self._pending.get(id(one), 0) for one in outputs]
        if sum(bool(count) for count in used) == 1 and max(used) == 1:
            at = used.index(1)
            self._known[id(outputs[at])] = replace(found[at], code=f"{found[at].code}[{at}]")
            self._kept.append(outputs[at])
            return
        names = self.around.statements.names(op.where)
        if len(names) != len(outputs) or "_" in names:
            names = tuple(f"{self._word(op)}_{i}" for i in range(len(outputs)))
        fresh = [self._free(self.renamed.get(word, word)) if count else "_" for word, count in zip(names, used)]
        self.lines.append(f"{', '.join(fresh)} = {found[0].code}")
        for word, output, val in zip(fresh, outputs, found):
            self._known[id(output)] = replace(val, code=word, level=ATOM, base=None)
            self._holds[word] = id(output)
            self._kept.append(output)

    def _assign(self, name: str, found: Val, key: int) -> None:
        self._inside[key] = frozenset()
        name = self._free(name)
        self.lines.append(f"{name} = {found.code}")
        self._known[key] = replace(found, code=name, level=ATOM, base=None)
        self._inside[key] = frozenset()
        self._holds[name] = key

    def _free(self, name: str) -> str:
        """Return a name, or another one where it holds what is needed still."""
        word, at = name, 1
        while word in self.around.reserved or keyword.iskeyword(word) or self._needed_still(word):
            at += 1
            word = f"{name}_{at}"
        return word

    def _needed_still(self, word: str) -> bool:
        held = self._holds.get(word)
        if held is None:
            return False
        if self._pending.get(held, 0) > 0:
            return True
        return any(word in names and self._pending.get(key, 0) > 0 for key, names in self._inside.items())

    def _word(self, op: Operation) -> str:
        names = self.around.statements.names(op.where)
        return (
            self.renamed.get(names[0], names[0]) if len(names) == 1 and names[0] != "_" else self.renamed.get("x", "x")
        )


def _depths(operations: Iterable[Operation]) -> Mapping[int, int]:
    """Return how many of some operations come before each of them at most, by its ``id``."""
    among = {id(op): op for op in operations}
    found: dict[int, int] = {}

    def depth(op: Operation) -> int:
        if id(op) not in found:
            before = {id(one.origin) for one in tensors_in((op.args, op.kwargs))}
            found[id(op)] = 1 + max((depth(among[one]) for one in before if one in among), default=0)
        return found[id(op)]

    for op in among.values():
        depth(op)
    return found


def _literal(number: int | float) -> Val:
    return Val(repr(number), SIGN if number < 0 else ATOM, (), ())


def _first_line(place: str) -> tuple[str, int]:
    path, lines = lines_of(place)
    return path, lines.start
