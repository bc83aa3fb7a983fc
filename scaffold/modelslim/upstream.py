"""What a vllm-ascend tree says of ModelSlim checkpoints: its tables, its schemes, and the code that renames."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from scaffold.modelslim.dialect import Dialect, dialect_of
from scaffold.modelslim.renames import Renames
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.syntax import SourceFile, UnreadableError, read_tree

QUANTIZATION = Path("vllm_ascend", "quantization")
TABLES = ("packed_modules_model_mapping", "UPDATED_PACKED_MODULES_MAPPING")
"""What the table of packed modules is called: up to 0.26, and since 0.28."""
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
        unread: model types whose row is there, and could not be read.
        dialect: how it looks an entry up.
        schemes: (word, kind of layer) that it has code for; None if this version does not register them.
    """

    file: SourceFile = field(repr=False)
    where: str
    packed: Mapping[str, Row] = field(repr=False)
    unread: frozenset[str]
    dialect: Dialect
    schemes: frozenset[tuple[str, str]] | None = field(repr=False)

    @property
    def root(self) -> Path:
        """Return the tree."""
        return self.file.path.parents[len(Path(self.where).parts) - 1]

    @cached_property
    def renames(self) -> Renames:
        """Return its code that renames."""
        return Renames(self.file)


def read_upstream(tree: Path) -> Upstream | None:
    """Read a tree of vllm-ascend; None if it is another project's, or of a release whose way is not known.

    Raises:
        NotUnderstood: its table is not written as text.
    """
    folder = tree / QUANTIZATION
    for path in (*sorted(folder.glob("*.py")), *sorted(folder.glob("configs/*.py"))):
        text = path.read_text(encoding="utf-8")
        if any(table in text for table in TABLES) and f"def {METHOD}" in text:
            dialect = dialect_of(text)
            where = path.relative_to(tree).as_posix()
            try:
                file = SourceFile(path, path.name, read_tree(path))
            except UnreadableError:
                return None
            return None if dialect is None else Upstream(file, where, *_rows(file), dialect, _schemes(tree))
    return None


def upstream_of(text: str, before: Upstream) -> Upstream:
    """Return what a tree says once the file of its tables has another text."""
    file = replace(before.file, tree=ast.parse(text.removeprefix("\ufeff")))
    packed, unread = _rows(file)
    return replace(before, file=file, packed=packed, unread=unread)


def _rows(file: SourceFile) -> tuple[dict[str, Row], frozenset[str]]:
    """Return the rows, and the model types of those that are no plain text."""
    rows: dict[str, Row] = {}
    unread: set[str] = set()
    for name in TABLES:
        for model_type, row in _pairs(file, file.definitions.get(name), name):
            try:
                rows[model_type] = _row(file, row)
            except ValueError:
                unread.add(model_type)
    return rows, frozenset(unread)


def _pairs(file: SourceFile, statement: ast.stmt | None, name: str) -> Iterator[tuple[str, ast.expr]]:
    table = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
    if statement is None:
        return
    if not isinstance(table, ast.Dict):
        raise NotUnderstood(f"{name}, which is no dict", file.lines(statement))
    for key, row in zip(table.keys, table.values, strict=True):
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            raise NotUnderstood(f"a key of {name} that is no plain text", file.lines(row))
        yield key.value, row


def _row(file: SourceFile, node: ast.expr) -> Row:
    """Return a row, which may be a constant of the file.

    Raises:
        ValueError: it is neither that nor plain text.
    """
    statement = file.definitions.get(node.id) if isinstance(node, ast.Name) else None
    if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
        node = statement.value
    found = ast.literal_eval(node)
    pairs = found.items() if isinstance(found, dict) else ()
    return {str(name): tuple(map(str, parts)) for name, parts in pairs if isinstance(parts, list | tuple)}


def _schemes(tree: Path) -> frozenset[tuple[str, str]] | None:
    found = frozenset(_registered(tree / QUANTIZATION / "methods"))
    return found or None


def _registered(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the pairs of ``@register_scheme("W8A8", "linear")``."""
    for path in sorted(folder.rglob("*.py")):
        if REGISTERS.encode() not in path.read_bytes():
            continue
        for node in ast.walk(read_tree(path)):
            for call in node.decorator_list if isinstance(node, ast.ClassDef) else ():
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == REGISTERS:
                    words = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                    if len(words) == 2:
                        yield words[0], words[1]
