"""Definitions of one source tree with exactly what they need of it, as one module for another tree."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field, replace
from textwrap import indent, wrap
from typing import TYPE_CHECKING

from codemods.refusal import Refusal
from codemods.text.import_member import offset
from codemods.text.imports import Import, import_block
from codemods.text.lines import python_lines
from codemods.text.python_text import INDENT
from codemods.uses.needed import Unit, bound, units

if TYPE_CHECKING:
    from codemods.text.tree_style import Style
    from codemods.uses.package import Package, SourceFile


TYPE_CHECKING_NAME = "TYPE_CHECKING"


@dataclass
class _Taken:
    """What is taken so far: units by module in the order in which they are needed, and the imports of the result.

    ``hints`` are imports for type checkers alone.
    """

    source: str
    units: dict[str, dict[int, Unit]] = field(default_factory=dict)
    imports: dict[str, Import] = field(default_factory=dict)
    hints: dict[str, Import] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)


def vendored(package: Package, installed: Package, module: str, names: list[str], version: str, style: Style) -> str:
    """Return a module with these definitions of ``module`` and what they need that the installed package lacks.

    What the installed package has under the same name is imported from it, unless ``module`` itself defines it; where
    it is written differently there, the module's head says so. Raises `Refusal` for names that are not defined, two
    needed definitions of one name, a name that would be both imported and copied, or a file without a licence.
    """
    taken = _Taken(module)
    for name in names:
        _take(package, installed, taken, module, name, ())
    _check_meanings(taken)
    heads = {_licence(package.files[m]): None for m, found in taken.units.items() if found}
    lines = [f"# From transformers {version}, changed in its imports alone:"]
    for origin, found in taken.units.items():
        copied = sorted({name for unit in found.values() for name in unit.binds if name in taken.owners})
        shown = f"{package.files[origin].path}: {', '.join(copied)}"
        lines += wrap(shown, style.line_length, initial_indent="#   ", subsequent_indent="#     ") if copied else []
    if taken.changed:
        lines += ["# Of the installed transformers, where they are written differently:"]
        lines += [f"#   {name}" for name in sorted(taken.changed)]
    body = [unit.text for found in taken.units.values() for _, unit in sorted(found.items())]
    future = "from __future__ import annotations\n\n" if _is_future(package, taken) else ""
    hints = {name: one for name, one in taken.hints.items() if name not in taken.imports and name not in taken.owners}
    if hints:
        _bind(taken, TYPE_CHECKING_NAME, Import("typing", TYPE_CHECKING_NAME), (module,))
    imports = import_block(taken.imports.values(), style)
    if hints:
        inner = import_block(hints.values(), replace(style, line_length=style.line_length - len(INDENT)))
        imports += f"\nif {TYPE_CHECKING_NAME}:\n" + indent(inner, INDENT)
    above = "\n\n" if body and _is_block(body[0]) else "\n"
    return "\n".join(heads) + "\n" + "\n".join(lines) + "\n\n" + future + imports + above + "\n\n".join(body)


def _is_block(text: str) -> bool:
    """Return whether a class or function is first, which two blank lines set apart from imports, not one."""
    return isinstance(ast.parse(text).body[0], ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)


def _take(package: Package, installed: Package, taken: _Taken, module: str, name: str, path: tuple[str, ...]) -> None:
    """Take what a module calls ``name``: its definition with all that it needs, or the import that binds it."""
    file = package.files.get(module)
    found = [unit for unit in _units(file) if name in unit.binds] if file else []
    if file is None or not found:
        raise Refusal(
            f"{module} does not define {name}",
            where=" → ".join([*path, f"{module}.{name}"]),
            expected="a name at the module's top level",
            remedy="name the module that defines it",
        )
    for unit in found:
        if isinstance(unit.node, ast.Import | ast.ImportFrom):
            _take_import(package, installed, taken, file, unit.node, name, path)
            continue
        hint = _hint(unit.node, name)
        if hint is not None:
            _take_hint(package, installed, taken, file, hint, name, path)
            continue
        if taken.owners.setdefault(name, module) != module:
            raise Refusal(
                f"both {taken.owners[name]} and {module} define {name}",
                where=" → ".join([*path, f"{module}.{name}"]),
                expected="one definition of each name",
                remedy="copy them into two modules",
            )
        mine = taken.units.setdefault(module, {})
        if unit.line in mine:
            continue
        mine[unit.line] = unit
        known = {other for each in _units(file) for other in each.binds}
        for needed in sorted(unit.reads & known - unit.binds):
            if module != taken.source and _defines(package, module, needed) and _has(installed, module, needed):
                _import(package, installed, taken, Import(module, needed), needed, path)
                continue
            _take(package, installed, taken, module, needed, (*path, f"{module}.{name}"))
        mine[unit.line] = _absolute(file, installed, unit, path)
        taken.units[module] = taken.units.pop(module)  # after what it needs of other modules


def _take_import(
    package: Package,
    installed: Package,
    taken: _Taken,
    file: SourceFile,
    node: ast.stmt,
    name: str,
    path: tuple[str, ...],
) -> None:
    if isinstance(node, ast.Import):
        alias = next(a for a in node.names if (a.asname or a.name.split(".")[0]) == name)
        _bind(taken, name, Import(alias.name, alias=alias.asname or ""), path)
        return
    if not isinstance(node, ast.ImportFrom) or node.module == "__future__":
        return
    origin = file.absolute(node)
    alias = next(a for a in node.names if (a.asname or a.name) == name)
    wanted = Import(origin, alias.name, alias.asname or "")
    top = file.module.split(".")[0]
    if origin.split(".")[0] != top or _has(installed, origin, alias.name):
        _import(package, installed, taken, wanted, name, path)
        return
    if alias.asname:
        raise Refusal(
            f"{origin}.{alias.name} is not in the installed {top}, and is imported under another name",
            where=" → ".join([*path, file.module]),
            expected="names that can be copied along unchanged",
            remedy="copy it into a module of its own, and import it by hand",
        )
    _take(package, installed, taken, origin, alias.name, (*path, file.module))


def _hint(node: ast.stmt, name: str) -> ast.Import | ast.ImportFrom | None:
    """Return the import that binds a name below ``if TYPE_CHECKING:``, None if that is no such import."""
    if not isinstance(node, ast.If) or node.orelse or ast.unparse(node.test).rpartition(".")[2] != TYPE_CHECKING_NAME:
        return None
    imports = (one for one in node.body if isinstance(one, ast.Import | ast.ImportFrom))
    return next((one for one in imports if name in bound([one])), None)


def _take_hint(
    package: Package,
    installed: Package,
    taken: _Taken,
    file: SourceFile,
    node: ast.Import | ast.ImportFrom,
    name: str,
    path: tuple[str, ...],
) -> None:
    """Import a name for type checkers, as the source does, or copy it along if the installed package lacks it."""
    alias = next(a for a in node.names if name in (a.asname, a.name, a.name.split(".")[0]))
    if isinstance(node, ast.Import):
        taken.hints[name] = Import(alias.name, alias=alias.asname or "")
        return
    origin = file.absolute(node)
    if origin.split(".")[0] != file.module.split(".")[0] or _has(installed, origin, alias.name):
        taken.hints[name] = Import(origin, alias.name, alias.asname or "")
        return
    _take_import(package, installed, taken, file, node, name, path)


def _import(
    package: Package, installed: Package, taken: _Taken, wanted: Import, name: str, path: tuple[str, ...]
) -> None:
    """Import what the installed package, or another one, has; note what the newer package writes differently."""
    _bind(taken, name, wanted, path)
    if wanted.module in package.files and _differs(package, installed, wanted.module, wanted.name):
        taken.changed.add(f"{wanted.module}.{wanted.name}")


def _defines(package: Package, module: str, name: str) -> bool:
    found = (unit.node for unit in _units(package.files[module]) if name in unit.binds)
    return not any(isinstance(node, ast.Import | ast.ImportFrom) for node in found)


def _check_meanings(taken: _Taken) -> None:
    """Raise `Refusal` for a name that is both imported and copied, which would be two things in one module."""
    for name in sorted(set(taken.imports) & set(taken.owners)):
        origin = taken.imports[name].module
        raise Refusal(
            f"{name} is imported from {origin}, and copied from {taken.owners[name]}",
            where=name,
            expected="one meaning of each name",
            remedy="copy the definitions into two modules",
        )


def _bind(taken: _Taken, name: str, wanted: Import, path: tuple[str, ...]) -> None:
    if taken.imports.setdefault(name, wanted) != wanted:
        raise Refusal(
            f"{name} is imported from {taken.imports[name].module} and from {wanted.module}",
            where=" → ".join(path),
            expected="one meaning of each name",
            remedy="copy the definitions into two modules",
        )


def _has(installed: Package, origin: str, name: str) -> bool:
    file = installed.files.get(origin)
    if f"{origin}.{name}" in installed.files or (file is not None and any(name in unit.binds for unit in _units(file))):
        return True
    return file is not None and any(_has(installed, starred, name) for starred in _starred(installed, file))


def _starred(package: Package, file: SourceFile) -> list[str]:
    """Return the modules below a module from which it imports all names, under a condition too, as lazy packages do."""
    nodes = (part for part in ast.walk(file.tree) if isinstance(part, ast.ImportFrom) and part.names[0].name == "*")
    return [m for m in map(file.absolute, nodes) if m.startswith(f"{file.module}.") and m in package.files]


def _differs(package: Package, installed: Package, origin: str, name: str) -> bool:
    texts = []
    for tree in (package, installed):
        file = tree.files.get(origin)
        found = [unit for unit in _units(file) if name in unit.binds] if file else []
        texts.append([ast.dump(unit.node) for unit in found])
    return texts[0] != texts[1]


def _absolute(file: SourceFile, installed: Package, unit: Unit, path: tuple[str, ...]) -> Unit:
    """Return a unit with the relative imports in its functions made absolute, of what the installed package has."""
    lines = python_lines(unit.text)
    text = unit.text
    inner = [part for part in ast.walk(ast.parse(text)) if isinstance(part, ast.ImportFrom) and part.level]
    for node in sorted(inner, key=lambda node: node.lineno, reverse=True):
        origin = file.absolute(node)
        missing = [alias.name for alias in node.names if not _has(installed, origin, alias.name)]
        if missing:
            raise Refusal(
                f"{origin} has no {', '.join(missing)} in the installed tree, and a function imports it",
                where=" → ".join([*path, file.module]),
                expected="imports of functions that the installed tree has",
                remedy="copy that name, too, and edit the function",
            )
        start = offset(lines, node.lineno, node.col_offset)
        text = text[:start] + re.sub(r"from\s+\.+[\w.]*", f"from {origin}", text[start:], count=1)
    return Unit(text, unit.line, unit.binds, unit.reads, unit.node)


def _licence(file: SourceFile) -> str:
    lines = file.content.decode().splitlines()
    head = lines[: next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))]
    start = next((i for i, line in enumerate(head) if "copyright" in line.lower()), None)
    if start is None:
        raise Refusal(
            "no copyright and licence in its first comment",
            where=file.path,
            expected="a comment that says under which licence it may be copied",
            remedy="copy definitions from a file whose licence is known",
        )
    return "\n".join(head[start:])


def _is_future(package: Package, taken: _Taken) -> bool:
    """Return whether a module that something is taken from has its annotations unevaluated."""
    return any(b"from __future__ import annotations" in package.files[module].content for module in taken.units)


_KNOWN: dict[bytes, list[Unit]] = {}


def _units(file: SourceFile) -> list[Unit]:
    if file.content not in _KNOWN:
        _KNOWN[file.content] = units(file.content.decode(), file.tree)
    return _KNOWN[file.content]
