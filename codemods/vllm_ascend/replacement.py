"""The text of a patch: the original remembered, the new definition, and the assignments that put it in its place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from codemods.text.imports import Import, import_block
from codemods.text.python_text import INDENT

if TYPE_CHECKING:
    from codemods.text.tree_style import Style


@dataclass(frozen=True)
class Replacement:
    """One function, method or class in place of another.

    ``loaded`` is the name that is given the module ``module`` where no import can name it. ``original`` is the name
    under which the patch keeps what ``read`` is; ``definition`` is the source of ``new``, empty where it is imported;
    ``path`` is what is assigned, and ``written`` what it is assigned.
    """

    imports: list[Import]
    original: str
    read: str
    definition: str
    new: str
    path: str
    written: str
    loaded: str = ""
    module: str = ""

    def by_import_module(self, module: str) -> Replacement:
        """Return the same with the module, which is imported first, got from ``import_module``.

        The package of some modules has another thing under the module's name, most often the very function, so that
        ``from package import module`` binds that.
        """
        parent, _, leaf = module.rpartition(".")
        first, *more = self.imports
        if (first.module, first.name) != (parent, leaf):
            return self
        imports = [Import("importlib", "import_module"), *more]
        return replace(self, imports=imports, loaded=first.alias or leaf, module=module)

    def text(self, holders: list[tuple[str, str]], aliases: list[str], header: str, style: Style) -> str:
        """Return the patch file, with other names of the class for it and the modules that imported it by name."""
        imports = [*self.imports, Import("sys")] if holders else self.imports
        is_used = bool(holders) or self.original in self.definition
        load = f'{self.loaded} = import_module("{self.module}")\n' if self.loaded else ""
        kept = f"{self.original} = {self.read}\n" if is_used else ""
        kept = f"\n{load}{kept}" if load or kept else ""
        owner = self.path.rpartition(".")[0]
        put = "".join(f"{path} = {self.written}\n" for path in (self.path, *(f"{owner}.{name}" for name in aliases)))
        blocks = [f"{import_block(imports, style)}{kept}", *([self.definition] if self.definition else []), put]
        if not self.definition:
            blocks = [f"{blocks[0]}\n{put}".replace("\n\n\n", "\n\n")]
        patch = (f"{header}\n" if header else "") + "\n\n".join(blocks)
        return patch + self._rebound(holders)

    def _rebound(self, holders: list[tuple[str, str]]) -> str:
        if not holders:
            return ""
        rows = "".join(f'{INDENT}("{module}", "{name}"),\n' for module, name in holders)
        return (
            "\n# These modules imported it by name. Those that are imported later find the new one.\n"
            f"for _module, _name in (\n{rows}):\n"
            f"{INDENT}if getattr(sys.modules.get(_module), _name, None) is {self.original}:\n"
            f"{INDENT * 2}setattr(sys.modules[_module], _name, {self.new})\n"
        )
