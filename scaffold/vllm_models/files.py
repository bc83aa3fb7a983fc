"""Model files of a vLLM tree: their definitions and imports, followed as far as the tree's own models go."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from scaffold.common.errors import UsageError
from scaffold.vllm_models.values import ClassValue, External, FunctionValue

MODELS = "vllm.model_executor.models"
"""Only modules below this package are followed; all else of vLLM is known by name, or not at all."""


@dataclass(frozen=True, eq=False)
class ModelFile:
    """A parsed file."""

    path: Path
    tree: ast.Module = field(repr=False)
    module: str
    """Its dotted name; for a file outside of the tree, its stem."""

    @cached_property
    def names(self) -> dict[str, ast.stmt]:
        """Return top-level definitions, assignments and imports by name."""
        found: dict[str, ast.stmt] = {}
        for statement in _flat(self.tree.body):
            if isinstance(statement, ast.ClassDef | ast.FunctionDef):
                found[statement.name] = statement
            elif isinstance(statement, ast.Import | ast.ImportFrom):
                found |= {(alias.asname or alias.name).partition(".")[0]: statement for alias in statement.names}
            elif isinstance(statement, ast.Assign):
                found |= {target.id: statement for target in statement.targets if isinstance(target, ast.Name)}
            elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
                found[statement.target.id] = statement
        return found

    def where(self, node: ast.AST) -> str:
        """Return file and line, for messages."""
        return f"{self.path.name}:{getattr(node, 'lineno', 0)}"


def _flat(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return statements, those of top-level ``if`` and ``try`` included, but not what is for type checkers only."""
    found: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.If):
            typing = isinstance(statement.test, ast.Name) and statement.test.id == "TYPE_CHECKING"
            found += [] if typing else _flat(statement.body)
            found += _flat(statement.orelse)
        elif isinstance(statement, ast.Try):
            found += _flat(statement.body)
        else:
            found.append(statement)
    return found


class Files:
    """The files of one tree, each parsed once.

    Args:
        root: the tree, the folder that holds ``vllm``; None if there is none to follow imports into.
    """

    def __init__(self, root: Path | None) -> None:
        self.root = root
        self._known: dict[Path, ModelFile] = {}

    def open(self, path: Path, module: str = "") -> ModelFile:
        """Parse a file.

        Raises:
            UsageError: it is not there, or no Python.
        """
        path = path.resolve()
        if path not in self._known:
            try:
                tree = ast.parse(path.read_text(encoding="utf-8"))
            except (OSError, SyntaxError, ValueError, RecursionError) as error:
                raise UsageError(
                    f"it cannot be read ({error})"[:300],
                    where=str(path),
                    expected="a Python file of a vLLM model",
                    remedy="correct the path, or the file",
                ) from error
            self._known[path] = ModelFile(path, tree, module or self._module(path))
        return self._known[path]

    def _module(self, path: Path) -> str:
        if self.root is not None and path.is_relative_to(self.root.resolve()):
            return ".".join(path.relative_to(self.root.resolve()).with_suffix("").parts)
        return path.stem

    def find(self, module: str) -> ModelFile | None:
        """Return the file of a module among the tree's models, None if it is none of them."""
        if self.root is None or not f"{module}.".startswith(f"{MODELS}."):
            return None
        base = self.root.joinpath(*module.split("."))
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return self.open(path, module)
        return None

    def imported(
        self, file: ModelFile, statement: ast.Import | ast.ImportFrom, name: str
    ) -> tuple[ModelFile, str] | ClassValue | FunctionValue | External:
        """Return what an import means: a name in another model file, or something external."""
        if isinstance(statement, ast.Import):
            alias = next(a for a in statement.names if (a.asname or a.name).partition(".")[0] == name)
            return External(alias.name if alias.asname else name)
        alias = next(a for a in statement.names if (a.asname or a.name) == name)
        parent = file.module.split(".")
        module = statement.module or ""
        if statement.level:
            kept = parent[: len(parent) - statement.level]
            module = ".".join([*kept, module]) if module else ".".join(kept)
            if len(parent) == 1:
                beside = file.path.parent / f"{statement.module}.py"
                if beside.is_file():
                    return self.open(beside), alias.name
        target = self.find(module)
        if target is not None and alias.name in target.names:
            return target, alias.name
        return External(f"{module}.{alias.name}")
