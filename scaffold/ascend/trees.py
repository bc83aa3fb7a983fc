"""The trees of vLLM and vllm-ascend as text: modules by their dotted names, and what binds each of their names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from scaffold_validators.digest import State, state_of

PACKAGES = ("vllm", "vllm_ascend")
LAYER_TABLE = "no_compile_layers"
"""The table in which vLLM's custom operators find the layer that called them (vllm/forward_context.py)."""
EITHER = ast.Name("<try>", ast.Load())
"""The condition of what stands in a ``try`` or in its handlers."""
_STARTS = re.compile(r"(?:@|def |class |async def )")
_DEFINITIONS = ("def ", "class ", "async def ")
_AT_LEFT = re.compile(r"[^\s)\]}#]")
_DEFINES = re.compile(r"^(?:class|def|async def) (\w+)", re.MULTILINE)
_PROVIDER = re.compile(
    rb"^@ir\.ops\.(\w+)\.register_impl\((?:[^()]|\([^()]*\))*\)\s*\ndef (\w+)", re.MULTILINE | re.DOTALL
)
_GLOBAL = re.compile(r"^\s+global (\w+(?:\s*,\s*\w+)*)", re.MULTILINE)
_TRITON = re.compile(rb"^@triton\.jit[^\n]*\n(?:[ @)\]][^\n]*\n)*def (\w+)", re.MULTILINE)
_OPERATOR = re.compile(rb"direct_register_custom_op\(\s*(?:op_name=)?\"(\w+)\"")


@dataclass(frozen=True)
class Site:
    """A line of a file."""

    path: Path
    line: int

    def shown(self, *roots: Path) -> str:
        """Return file and line, the file relative to the first of the roots that holds it."""
        for root in roots:
            if self.path.is_relative_to(root):
                return f"{self.path.relative_to(root).as_posix()}:{self.line}"
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, eq=False)
class Binding:
    """A statement at a module's top level that binds a name, and the conditions under which it is run."""

    node: ast.stmt
    alias: ast.alias | None
    tests: tuple[tuple[ast.expr, bool], ...]


@dataclass(frozen=True)
class Piece:
    """The lines of a function or class at a module's top level, and how many lines are above."""

    above: int
    text: str

    def parse(self) -> ast.stmt | None:
        """Return the definition, None if it does not parse."""
        try:
            return ast.parse("\n" * self.above + self.text).body[0]
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


@dataclass(eq=False)
class Module:
    """A file of a tree. Functions and classes at its top level are parsed when somebody asks for them.

    Attributes:
        name: its dotted name.
        head: what stands at its top level beside functions and classes.
        asks_for_layers: its text names the table in which custom operators find their layer.
    """

    name: str
    path: Path
    text: str = field(repr=False)
    head: ast.Module = field(repr=False)
    bindings: dict[str, list[Binding]] = field(repr=False)
    stars: tuple[Binding, ...]
    pieces: dict[str, list[Piece]] = field(repr=False)
    asks_for_layers: bool = False
    changing: frozenset[str] = frozenset()
    """The names that its functions set, by ``global``."""
    classes: dict[ast.ClassDef, object] = field(default_factory=dict, repr=False)
    """What stands for each of its classes, so that all walks mean the same by it."""

    @property
    def is_package(self) -> bool:
        """Return whether other modules lie in its folder."""
        return self.path.name == "__init__.py"

    @cached_property
    def whole(self) -> ast.Module:
        """Return the whole file, parsed."""
        return ast.parse(self.text)

    def binding(self, name: str) -> list[Binding]:
        """Return what binds a name, in the order of the lines."""
        for piece in self.pieces.pop(name, ()):
            node = piece.parse()
            if node is not None:
                self.bindings.setdefault(name, []).append(Binding(node, None, ()))
                self.bindings[name].sort(key=lambda binding: binding.node.lineno)
        return self.bindings.get(name, [])

    def site(self, node: ast.AST) -> Site:
        """Return where a node of it stands."""
        return Site(self.path, getattr(node, "lineno", 0))

    def absolute(self, node: ast.ImportFrom) -> str:
        """Return the full name of the module that ``from`` names."""
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        kept = len(parts) - node.level + (1 if self.is_package else 0)
        return ".".join([*parts[:kept], *([node.module] if node.module else [])])


class Trees:
    """The modules of both trees; a file is read when somebody asks for it."""

    def __init__(self, vllm: Path, ascend: Path | None = None) -> None:
        self.roots: dict[str, Path] = {"vllm": vllm} | ({} if ascend is None else {"vllm_ascend": ascend})
        self._modules: dict[str, Module | None] = {}
        self._files: dict[str, Path | None] = {}

    def has(self, name: str) -> bool:
        """Return whether a name is that of a module or a folder of the trees."""
        return self._file(name) is not None

    def module(self, name: str) -> Module | None:
        """Return a module; None if the trees have no such file, or it does not parse."""
        if name not in self._modules:
            file = self._file(name)
            self._modules[name] = None if file is None or file.is_dir() else _parse(name, file, state_of(file))
        return self._modules[name]

    def add(self, module: Module) -> None:
        """Let a file that lies in neither tree be a module of theirs."""
        self._modules[module.name] = module
        self._files[module.name] = module.path

    def operator_modules(self, name: str) -> tuple[str, ...]:
        """Return the modules that register an operator ``torch.ops.vllm.<name>``."""
        return tuple(
            module for package, root in self.roots.items() for module in _operators(root / package).get(name, ())
        )

    def providers(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return the functions that vLLM registers as implementations of an operator of ``vllm.ir``: module, name."""
        return _providers(self.roots["vllm"] / "vllm").get(name, ())

    def triton_kernels(self, name: str) -> tuple[Site, ...]:
        """Return where vllm-ascend has a Triton kernel of a name."""
        root = self.roots.get("vllm_ascend")
        return () if root is None else _triton(root / "vllm_ascend").get(name, ())

    def _file(self, name: str) -> Path | None:
        if name not in self._files:
            self._files[name] = self._find(name)
        return self._files[name]

    def _find(self, name: str) -> Path | None:
        package = name.split(".", 1)[0]
        if package not in self.roots:
            return None
        place = self.roots[package].joinpath(*name.split("."))
        for file in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if file.is_file():
                return file
        return place if place.is_dir() else None


def parse_file(name: str, path: Path) -> Module | None:
    """Parse a file as a module of that name; None if it does not parse."""
    return _parse(name, path, state_of(path))


@lru_cache(maxsize=1024)
def _parse(name: str, path: Path, state: State) -> Module | None:
    """Parse a file; ``state`` is that of the file, so that an edited one is read anew."""
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        return _in_pieces(name, path, text) or _module(name, path, text, ast.parse(text), {})
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _in_pieces(name: str, path: Path, text: str) -> Module | None:
    """Parse a file without its functions and classes; None if it cannot be cut at lines that begin with these."""
    lines = text.split("\n")
    pieces: dict[str, list[Piece]] = {}
    number = 0
    quotes = 0
    while number < len(lines):
        if not _STARTS.match(lines[number]):
            quotes += lines[number].count('"""') + lines[number].count("'''")
            number += 1
            continue
        if quotes % 2:
            return None  # the line is one of a text
        end, defines = number + 1, not lines[number].startswith("@")
        while end < len(lines) and not (defines and _AT_LEFT.match(lines[end])):
            defines = defines or lines[end].startswith(_DEFINITIONS)
            end += 1
        piece = Piece(number, "\n".join(lines[number:end]))
        defined = _DEFINES.search(piece.text)
        if defined is None or piece.text.count('"""') % 2 or piece.text.count("'''") % 2:
            return None
        pieces.setdefault(defined[1], []).append(piece)
        lines[number:end] = [""] * (end - number)
        number = end
    try:
        return _module(name, path, text, ast.parse("\n".join(lines)), pieces)
    except SyntaxError:
        return None


def _module(name: str, path: Path, text: str, head: ast.Module, pieces: dict[str, list[Piece]]) -> Module:
    bindings: dict[str, list[Binding]] = {}
    stars = []
    for node, tests in _statements(head.body, ()):
        for bound, alias in _names(node):
            if bound == "*":
                stars.append(Binding(node, alias, tests))
            else:
                bindings.setdefault(bound, []).append(Binding(node, alias, tests))
    changing = frozenset(name for names in _GLOBAL.findall(text) for name in re.split(r"\s*,\s*", names))
    return Module(name, path, text, head, bindings, tuple(stars), pieces, LAYER_TABLE in text, changing)


def _statements(
    body: list[ast.stmt], tests: tuple[tuple[ast.expr, bool], ...]
) -> Iterator[tuple[ast.stmt, tuple[tuple[ast.expr, bool], ...]]]:
    """Yield the statements that run on import, with the conditions around them."""
    for node in body:
        if isinstance(node, ast.If):
            yield from _statements(node.body, (*tests, (node.test, True)))
            yield from _statements(node.orelse, (*tests, (node.test, False)))
        elif isinstance(node, ast.Try):
            for part in (node.body, *(handler.body for handler in node.handlers)):
                yield from _statements(part, (*tests, (EITHER, True)))
            yield from _statements([*node.orelse, *node.finalbody], tests)
        elif isinstance(node, ast.With | ast.For | ast.While):
            yield from _statements(node.body, tests)
        else:
            yield node, tests


def _names(node: ast.stmt) -> Iterator[tuple[str, ast.alias | None]]:
    """Yield the names that a statement binds."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name, None
    elif isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.asname or alias.name.split(".")[0], alias
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name, alias
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            for name in ast.walk(target):
                if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                    yield name.id, None


@lru_cache(maxsize=8)
def _operators(package: Path) -> dict[str, tuple[str, ...]]:
    """Return which modules of a package register which operator, from one search through its text."""
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(package.rglob("*.py")):
        for name in _OPERATOR.findall(path.read_bytes()):
            parts = path.relative_to(package.parent).with_suffix("").parts
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name.decode()] = (*found.get(name.decode(), ()), module)
    return found


@lru_cache(maxsize=8)
def _providers(package: Path) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return the implementations of operators that a package's folder ``kernels`` registers."""
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for path in sorted((package / "kernels").glob("*.py")):
        for match in _PROVIDER.finditer(path.read_bytes()):
            operator, function = match[1].decode(), match[2].decode()
            found[operator] = (*found.get(operator, ()), (f"{package.name}.kernels.{path.stem}", function))
    return found


@lru_cache(maxsize=8)
def _triton(package: Path) -> dict[str, tuple[Site, ...]]:
    """Return the Triton kernels of a package by name, from one search through its text."""
    found: dict[str, tuple[Site, ...]] = {}
    for path in sorted(package.rglob("*.py")):
        text = path.read_bytes()
        for match in _TRITON.finditer(text):
            name = match[1].decode()
            found[name] = (*found.get(name, ()), Site(path, text[: match.start(1)].count(b"\n") + 1))
    return found
