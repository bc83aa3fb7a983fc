"""What a recipe is: codemods that belong together, as one change set, one diff and one undo.

A recipe is data: its steps name codemods, and say where the arguments of each come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codemods.codemod import completed
from codemods.refusal import Refusal
from codemods.text.as_written import MARK
from codemods.text.module_file import module_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from codemods.changes.change_set import ChangeSet
    from codemods.codemod import Parameter


@dataclass(frozen=True)
class FileText:
    """Feeds the text of a file of the tree as earlier steps leave it; the empty text if there is none."""

    path: str

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True)
class ModuleText:
    """Feeds the text of the module that defines a dotted name.

    ``tree`` is the recipe's parameter with the source tree that is read, ``target`` the one with
    the dotted name.
    """

    tree: str
    target: str

    def __str__(self) -> str:
        return f"the module of {{{self.target}}} in {{{self.tree}}}"


@dataclass(frozen=True)
class Holders:
    """Feeds a line ``module name`` for each module that imports the function or class of a dotted name by name.

    ``tree`` is the recipe's parameter with the source tree that is read, ``target`` the one with the dotted name.
    """

    tree: str
    target: str

    def __str__(self) -> str:
        return f"the modules of {{{self.tree}}} that import {{{self.target}}} by name"


@dataclass(frozen=True)
class Hidden:
    """Feeds ``yes`` where the package of the module of a dotted name has another thing under the module's name.

    ``tree`` is the recipe's parameter with the source tree that is read, ``target`` the one with the dotted name.
    """

    tree: str
    target: str

    def __str__(self) -> str:
        return f"whether a package of {{{self.tree}}} hides the module of {{{self.target}}}"


@dataclass(frozen=True)
class Users:
    """Feeds the files of the tree that name a dotted module, one per line.

    Files whose paths start with one of ``but`` are left out.
    """

    module: str
    but: tuple[str, ...]

    def __str__(self) -> str:
        return f"the files that name {self.module}"


@dataclass(frozen=True)
class Vendored:
    """Feeds a module with definitions from a tree, and whatever they need that another tree lacks.

    All name parameters of the recipe: ``tree`` and ``installed`` are directories that hold the package, ``source`` the
    dotted module, ``names`` its definitions, separated by commas.
    """

    tree: str
    installed: str
    source: str
    names: str

    def __str__(self) -> str:
        return f"{{{self.names}}} of {{{self.source}}} in {{{self.tree}}}, with what {{{self.installed}}} lacks"


@dataclass(frozen=True)
class MissingPackages:
    """Feeds the packages without ``__init__.py`` between ``package`` and a dotted module in it, one per line."""

    package: str
    module: str

    def __str__(self) -> str:
        return f"the packages of {self.module} below {self.package} that are not there"


Feed = str | FileText | ModuleText | Holders | Hidden | Users | Vendored | MissingPackages
"""Where an argument of a step's codemod comes from; in a string, ``{parameter}`` is the recipe's argument."""


@dataclass(frozen=True)
class Step:
    """One codemod, and where each of its arguments comes from.

    The step is skipped in trees without the file ``only_with``, and in trees with the file
    ``only_without``.
    """

    codemod: str
    feeds: Mapping[str, Feed]
    only_with: str | None = None
    only_without: str | None = None


@dataclass(frozen=True)
class TreeExample:
    """With these arguments, a tree with the files ``before`` ends up with the files ``after``; all others stay.

    Both map paths below the tree to texts; None in ``after`` means that the file is removed. An argument that
    is the path of a tree is relative to this tree.
    """

    arguments: Mapping[str, str]
    before: Mapping[str, str]
    after: Mapping[str, str | None]


@dataclass(frozen=True)
class Recipe:
    """A named sequence of codemods for the tree ``tree`` (``vllm`` or ``vllm-ascend``).

    ``note`` returns what its user should know of the tree before any step, or the empty text; it refuses arguments
    that fit no tree.
    """

    name: str
    summary: str
    tree: str
    parameters: tuple[Parameter, ...]
    steps: tuple[Step, ...]
    examples: tuple[TreeExample, ...]
    note: Callable[[ChangeSet, Path, Mapping[str, str]], str] | None = None

    def complete(self, arguments: Mapping[str, str]) -> dict[str, str]:
        """Fill in defaults. Raises `Refusal` for missing and unknown arguments."""
        return completed(self.name, self.parameters, arguments)


def same(*names: str) -> dict[str, Feed]:
    """Feed these arguments of a codemod from the recipe's arguments of the same names."""
    return {name: f"{{{name}}}" for name in names}


def is_taken(step: Step, changes: ChangeSet, tree: Path) -> bool:
    """Return whether the tree, as earlier steps leave it, is one for this step."""
    if step.only_with is not None and not changes.has_file(tree / step.only_with):
        return False
    return step.only_without is None or not changes.has_file(tree / step.only_without)


def fed(feed: Feed, changes: ChangeSet, tree: Path, arguments: Mapping[str, str]) -> str:
    """Return the argument that a feed stands for.

    Raises `Refusal` if no module of the source tree is a part of the dotted name, or if what it
    names is kept where a replacement does not reach.
    """
    if isinstance(feed, str):
        return feed.format_map(arguments)
    if isinstance(feed, FileText):
        return (changes.read(tree / feed.path) or "").removeprefix(MARK)
    if isinstance(feed, Users):
        return _users(tree, feed.module.format_map(arguments), tuple(name.format_map(arguments) for name in feed.but))
    if isinstance(feed, Vendored):
        return _vendored(feed, tree, arguments)
    if isinstance(feed, MissingPackages):
        return _missing_packages(changes, tree, feed.package.format_map(arguments), feed.module.format_map(arguments))
    source, target = arguments[feed.tree], arguments[feed.target]
    path = module_file(changes, source, target)
    if path is None:
        raise Refusal(
            f"no module of the tree contains {target!r}",
            where=f"{feed.target}, looked for in {source}",
            expected="the dotted name of a module and of something that it defines",
            remedy="pass module, class and function, such as vllm.model_executor.models.llama.LlamaMLP.forward",
        )
    if isinstance(feed, Holders):
        return _holders(changes, Path(source).resolve(), path, target)
    if isinstance(feed, Hidden):
        return _hidden(changes, Path(source).resolve(), path)
    return (changes.read(path) or "").removeprefix(MARK)


def _missing_packages(changes: ChangeSet, tree: Path, package: str, module: str) -> str:
    inner = module.split(".")[:-1]
    paths = ["/".join([*package.split("."), *inner[: end + 1]]) for end in range(len(inner))]
    return "".join(f"{path}\n" for path in paths if not changes.has_file(tree / path / "__init__.py"))


def _holders(changes: ChangeSet, source: Path, file: Path, target: str) -> str:
    from codemods.uses.package import read_package
    from codemods.uses.replaced import holders

    parts = _module(source, file)
    path = ".".join(target.split(".")[len(parts) :])
    package = read_package(source, parts[0], changes)
    return "".join(f"{binding.module} {binding.name}\n" for binding in holders(package, ".".join(parts), path))


def _hidden(changes: ChangeSet, source: Path, file: Path) -> str:
    from codemods.uses.hidden import is_hidden
    from codemods.uses.package import read_package

    parts = _module(source, file)
    return "yes" if is_hidden(read_package(source, parts[0], changes), ".".join(parts)) else ""


def _module(source: Path, file: Path) -> tuple[str, ...]:
    """Return the parts of a file's dotted module."""
    relative = file.resolve().relative_to(source).with_suffix("")
    return relative.parent.parts if relative.name == "__init__" else relative.parts


def _users(tree: Path, module: str, but: tuple[str, ...]) -> str:
    """Return the files that name a module, dotted or by its last name alone, as `from package import name` does.

    A module of that name in a package beside its own, such as the other kind of patches, is another one.
    """
    import re

    package, _, name = module.rpartition(".")
    own = f"{module.replace('.', '/')}.py"
    siblings = {p.parent.name for p in (tree / package.replace(".", "/")).parent.rglob(f"{name}.py")}
    others = sorted(siblings - {package.rpartition(".")[2]})
    behind = b"".join(rb"(?<!\b%s\.)(?<!\b%s import )" % ((re.escape(other.encode()),) * 2) for other in others)
    pattern = re.compile(behind + rb"(?<![\w/])" + re.escape(name.encode()) + rb"\b(?!\.py)")
    users = []
    for path in sorted(tree.rglob("*.py")):
        shown = path.relative_to(tree).as_posix()
        if path.is_file() and shown != own and not shown.startswith(but) and pattern.search(path.read_bytes()):
            users.append(f"{shown}\n")
    return "".join(users)


def _vendored(feed: Vendored, place: Path, arguments: Mapping[str, str]) -> str:
    import re

    from codemods.text.names import dotted_name, identifier
    from codemods.text.tree_style import DEFAULTS, style_of
    from codemods.uses.package import read_package
    from codemods.uses.vendored import vendored

    source = dotted_name(arguments[feed.source], feed.source)
    names = [identifier(name.strip(), feed.names) for name in arguments[feed.names].split(",")]
    top = source.split(".")[0]
    package, installed = (read_package(arguments[tree], top) for tree in (feed.tree, feed.installed))
    for tree, found in ((feed.tree, package), (feed.installed, installed)):
        if not found.files:
            raise Refusal(
                f"no package {top}",
                where=arguments[tree],
                expected=f"the directory that holds `{top}/`, such as a checkout's `src` or site-packages",
                remedy="correct the path",
            )
    init = package.files[top].content.decode() if top in package.files else ""
    version = re.search(r"__version__ = [\"']([^\"']+)", init)
    style = style_of(place / "setup.py", DEFAULTS["vllm-ascend"], place)
    return vendored(package, installed, source, names, version[1] if version else "of unknown version", style)
