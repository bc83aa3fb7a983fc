"""What a vllm-ascend tree says of ModelSlim checkpoints: its tables, its schemes, and the code that renames."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from scaffold.modelslim.renames import Renames
from scaffold.source.python.syntax import SourceFile, UnreadableError, read_tree

QUANTIZATION = Path("vllm_ascend", "quantization")
PACKED = "packed_modules_model_mapping"
METHOD = "get_quant_method"
REGISTERS = "register_scheme"
Row = Mapping[str, tuple[str, ...]]
"""Name of a packed module → the modules that a checkpoint has in its place."""


@dataclass(frozen=True)
class Upstream:
    """What a tree says.

    Attributes:
        file: the file of its tables, parsed.
        where: that file, relative to the tree.
        packed: model type → row.
        schemes: (word, kind of layer) that it has code for; None if this version does not register them.
    """

    file: SourceFile = field(repr=False)
    where: str
    packed: Mapping[str, Row] = field(repr=False)
    schemes: frozenset[tuple[str, str]] | None = field(repr=False)

    @cached_property
    def renames(self) -> Renames:
        """Return its code that renames."""
        return Renames(self.file)


def read_upstream(tree: Path) -> Upstream | None:
    """Read a tree of vllm-ascend; None if it has no table of packed modules, as it is another project's, or older."""
    for path in sorted((tree / QUANTIZATION).glob("*.py")):
        text = path.read_bytes()
        if PACKED.encode() in text and f"def {METHOD}".encode() in text:
            where = path.relative_to(tree).as_posix()
            try:
                file = SourceFile(path, path.name, read_tree(path))
            except UnreadableError:
                return None
            return Upstream(file, where, _rows(file), _schemes(tree))
    return None


def upstream_of(text: str, before: Upstream) -> Upstream:
    """Return what a tree says once the file of its tables has another text."""
    file = replace(before.file, tree=ast.parse(text.removeprefix("\ufeff")))
    return replace(before, file=file, packed=_rows(file))


def _rows(file: SourceFile) -> dict[str, Row]:
    return {model_type: _row(row) for model_type, row in _literal(file, PACKED).items()}


def _literal(file: SourceFile, name: str) -> dict[str, dict[str, list[str]]]:
    statement = file.definitions.get(name)
    value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
    try:
        found = ast.literal_eval(value) if value is not None else {}
    except (ValueError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _row(row: object) -> Row:
    pairs = row.items() if isinstance(row, dict) else ()
    return {str(name): tuple(map(str, parts)) for name, parts in pairs if isinstance(parts, list | tuple)}


def _schemes(tree: Path) -> frozenset[tuple[str, str]] | None:
    found = frozenset(_registered(tree / QUANTIZATION / "methods"))
    return found or None


def _registered(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the pairs of ``@register_scheme("W8A8", "linear")``."""
    for path in sorted(folder.glob("*.py")):
        if REGISTERS.encode() not in path.read_bytes():
            continue
        for node in ast.walk(read_tree(path)):
            for call in node.decorator_list if isinstance(node, ast.ClassDef) else ():
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == REGISTERS:
                    words = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                    if len(words) == 2:
                        yield words[0], words[1]
