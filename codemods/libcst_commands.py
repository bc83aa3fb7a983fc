"""The codemods that edit Python files, for libcst's own codemod tool.

``python -m libcst.tool codemod --no-format -x codemods.libcst_commands.VllmRegistryEntry
--architecture CedarForCausalLM --module cedar --class-name CedarForCausalLM registry.py``
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import libcst as cst
from libcst.codemod import CodemodCommand, CodemodContext, SkipFile

from codemods.catalog import FILES, find_codemod
from codemods.codemod import libcst_name
from codemods.refusal import Refusal
from codemods.text.tree_style import DEFAULTS, style_of

if TYPE_CHECKING:
    import argparse

    from codemods.codemod import Codemod


class _Command(CodemodCommand):
    """Runs a codemod on a whole module; a `Refusal` is why libcst's tool skips the file, said in one line."""

    codemod: Codemod

    def __init__(self, context: CodemodContext, **arguments: Any) -> None:
        super().__init__(context)
        self.arguments = arguments

    def transform_module_impl(self, tree: cst.Module) -> cst.Module:
        names = {parameter.name for parameter in self.codemod.parameters}
        given = {name: value for name, value in self.arguments.items() if name in names}
        style, filename = DEFAULTS[self.codemod.tree], self.context.filename
        if filename is not None:
            style = style_of(Path(filename), style)
        try:
            text = self.codemod.run(tree.code, given, style)
        except Refusal as refusal:
            if filename is not None:
                refusal = refusal.in_file(self.codemod.targets, Path(filename))
            raise SkipFile(" ".join(str(refusal).split())) from None
        # Its encoding may be one with a byte order mark, which the code does not show.
        return cst.parse_module(text, cst.PartialParserConfig(encoding=tree.encoding))


@cache
def _command(name: str) -> type[_Command]:
    codemod = find_codemod(name)

    def add_args(arg_parser: argparse.ArgumentParser) -> None:
        for parameter in codemod.parameters:
            arg_parser.add_argument(
                f"--{parameter.name.replace('_', '-')}",
                help=parameter.meaning,
                default=parameter.default,
                required=parameter.default is None,
            )

    attributes = {
        "codemod": codemod,
        "DESCRIPTION": codemod.summary,
        "add_args": staticmethod(add_args),
    }
    return type(libcst_name(codemod.name), (_Command,), attributes)


_NAMES = {libcst_name(name): name for name in FILES}


def __getattr__(name: str) -> type[_Command]:
    """Return the command of the codemod whose name, in CamelCase, this is."""
    codemod = find_codemod(_NAMES[name]) if name in _NAMES else None
    if codemod is None or not (codemod.edits_alone and codemod.edits_python):
        raise AttributeError(f"no codemod that edits Python files is named {name!r}")
    return _command(codemod.name)
