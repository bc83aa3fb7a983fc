"""The codemods that edit Python files, for libcst's own codemod tool.

``python -m libcst.tool codemod --no-format -x codemods.libcst_commands.VllmRegistryEntry
--architecture CedarForCausalLM --module cedar --class-name CedarForCausalLM registry.py``
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst
from libcst.codemod import CodemodCommand, CodemodContext

from codemods import ascend_model_registration, ascend_patch_import, nav_title, vllm_registry_entry

if TYPE_CHECKING:
    import argparse

    from codemods.codemod import Codemod


class _Command(CodemodCommand):
    """Runs a codemod on a whole module; `Refusal` shows as the file's failure."""

    codemod: Codemod

    def __init__(self, context: CodemodContext, **arguments: Any) -> None:
        super().__init__(context)
        self.arguments = arguments

    def transform_module_impl(self, tree: cst.Module) -> cst.Module:
        names = {parameter.name for parameter in self.codemod.parameters}
        given = {name: value for name, value in self.arguments.items() if name in names}
        return cst.parse_module(self.codemod.run(tree.code, given))


def _command(codemod: Codemod) -> type[_Command]:
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
    return type(codemod.name.title().replace("-", ""), (_Command,), attributes)


VllmRegistryEntry = _command(vllm_registry_entry.CODEMOD)
AscendModelRegistration = _command(ascend_model_registration.CODEMOD)
AscendPatchImport = _command(ascend_patch_import.CODEMOD)
NavTitle = _command(nav_title.CODEMOD)
