"""Model files of a vLLM tree: their definitions and imports, followed as far as the tree's own models go."""

from __future__ import annotations

from pathlib import Path

from scaffold.common.errors import UsageError
from scaffold.source.python.objects import External
from scaffold.source.python.syntax import UnreadableError, read_tree
from scaffold.vllm_models.model_file import ModelFile

MODELS = "vllm.model_executor.models"
FOLLOWED = (MODELS, "vllm.models", "vllm.model_executor.layers")
"""Only modules below these packages are followed; all else of vLLM is known by name, or not at all."""


class Files:
    """The files of one tree, each parsed once.

    Args:
        root: the tree, the folder that holds ``vllm``; None if there is none to follow imports into.
    """

    def __init__(self, root: Path | None) -> None:
        self.root = root
        self._known: dict[Path, ModelFile] = {}
        self._imported: dict[tuple[ModelFile, str], tuple[ModelFile, str] | External] = {}

    def open(self, path: Path, module: str = "") -> ModelFile:
        """Parse a file.

        Raises:
            UsageError: it is not there, or no Python.
        """
        path = path.resolve()
        if path not in self._known:
            try:
                tree = read_tree(path)
            except (OSError, UnreadableError) as error:
                raise UsageError(
                    f"it cannot be read ({error})"[:300],
                    where=str(path),
                    expected="a Python file of a vLLM model",
                    remedy="correct the path, or the file",
                ) from error
            self._known[path] = ModelFile(path, path.name, tree, module or self._module(path))
        return self._known[path]

    def _module(self, path: Path) -> str:
        if self.root is not None and path.is_relative_to(self.root.resolve()):
            return ".".join(path.relative_to(self.root.resolve()).with_suffix("").parts)
        return path.stem

    def find(self, module: str) -> ModelFile | None:
        """Return the file of a module among the tree's models, None if it is not among them."""
        if self.root is None or not f"{module}.".startswith(tuple(f"{package}." for package in FOLLOWED)):
            return None
        base = self.root.joinpath(*module.split("."))
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return self.open(path, module)
        return None

    def imported(self, file: ModelFile, dotted: str) -> tuple[ModelFile, str] | External:
        """Return what an import means: a name in another model file, or something external."""
        asked = (file, dotted)
        if asked not in self._imported:
            self._imported[asked] = self._find_imported(file, dotted)
        return self._imported[asked]

    def _find_imported(self, file: ModelFile, dotted: str) -> tuple[ModelFile, str] | External:
        level = len(dotted) - len(dotted.lstrip("."))
        module, _, name = dotted[level:].rpartition(".")
        parent = file.module.split(".")
        if level:
            beside = file.path.parent / f"{module}.py"
            if len(parent) == 1 and beside.is_file():
                return self.open(beside), name
            up = level - 1 if file.path.name == "__init__.py" else level
            module = ".".join([*parent[: len(parent) - up], module]).strip(".")
        target = self.find(module)
        if target is not None and (name in target.definitions or name in target.imports):
            return target, name
        return External(f"{module}.{name}" if module else name)
