"""A new patch of vllm-ascend: one file that replaces one function, method or class of vLLM.

Without a replacement, a new function has the original's own signature and calls the original, and a new
class derives from the original, so the file changes nothing until its author writes the difference.
"""

from __future__ import annotations

import ast

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.refusal import Refusal
from codemods.text.imports import Import
from codemods.text.names import dotted_name, identifier, one_of
from codemods.text.python_text import INDENT, bracketed, parse_tree
from codemods.text.signature import bound_name, find_function, module_import
from codemods.text.tree_style import Style
from codemods.vllm_ascend.patch_names import KINDS, patch_file, patch_module
from codemods.vllm_ascend.replaceable import aliases, check
from codemods.vllm_ascend.replacement import Replacement

# How a function is taken from its class and put back: (decorator, read, write).
_BINDINGS = {
    "": ("{0}", "{0}"),
    "staticmethod": ("{0}", "staticmethod({0})"),
    "classmethod": ("{0}.__func__", "classmethod({0})"),
    "property": ("{0}.fget", "property({0})"),
}


def worker_patch(
    text: str,
    *,
    module: str,
    target: str,
    source: str,
    header_source: str,
    kind: str = "worker",
    replacement: str = "",
    importers: str = "",
    missing_packages: str = "",
    style: Style,
) -> str:
    """Write a patch for ``target``, such as ``vllm.model_executor.models.llama.LlamaMLP.forward``, or a class.

    ``module`` is the name of the patch file, ``source`` the text of the module in which the target
    is defined, ``header_source`` a file of the tree whose leading comment is the licence header.
    ``replacement`` is the dotted name of what takes the target's place; ``importers`` has a line ``module name`` for
    each module that imported the target by name, which is given the new one too where it has the original.
    ``missing_packages`` are those of the patch's module that the tree does not have, a line each.
    ``text`` is what the file holds already: nothing, or exactly this patch. Raises `Refusal` if
    the target is not defined in ``source``, if replacing it has no effect, or if the patch would be in no package.
    """
    patch_module(module)
    _check_packages(missing_packages.split(), module)
    one_of(kind, KINDS, "kind")
    tree = parse_tree(source, f"the module of {dotted_name(target, 'target')}")
    holders = [_holder(line) for line in importers.splitlines() if line.strip()]
    path, name = _path(tree, target)
    check(tree, path, name, target)
    if path or not _is_class(tree, name):
        made = _of_function(source, target, replacement, style)
        also = aliases(tree, path, name) if path else []
    else:
        made, also = _of_class(target, replacement), []
    owner = target.removesuffix(f".{name}")
    if not path and owner.rpartition(".")[::2] in holders:
        made = made.by_import_module(owner)
    patch = made.text(holders, also, _header(header_source), style)
    if text not in ("", patch):
        raise Refusal(
            "the patch file has other content",
            where=f"vllm_ascend/patch/{patch_file(module, kind)}",
            expected=f"nothing, or the patch of {target}",
            remedy="name the patch file differently, or edit the existing one",
        )
    return patch


def replaces_same(earlier: str, now: str) -> bool:
    """Return whether two patch files replace the same thing of vLLM, whatever with."""
    return bool(_replaced(earlier) & _replaced(now))


def _replaced(patch: str) -> set[str]:
    """Return the dotted names that a patch file assigns at its top level."""
    body = parse_tree(patch, "the patch").body
    imports = [node for node in body if isinstance(node, ast.ImportFrom)]
    origins = {a.asname or a.name: f"{node.module}.{a.name}" for node in imports for a in node.names}
    assigned = [node for node in body if isinstance(node, ast.Assign)]
    origins |= {ast.unparse(node.targets[0]): origin for node in assigned if (origin := _loaded(node.value))}
    targets = [target for node in assigned for target in node.targets]
    parts = [ast.unparse(target).partition(".") for target in targets if isinstance(target, ast.Attribute)]
    return {f"{origins.get(head, head)}.{rest}" for head, _, rest in parts}


def _loaded(value: ast.expr) -> str:
    """Return the module that ``import_module("…")`` gives, empty of any other expression."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "import_module" and value.args:
        return str(getattr(value.args[0], "value", ""))
    return ""


def _check_packages(missing: list[str], module: str) -> None:
    if missing:
        raise Refusal(
            f"{missing[0]}/__init__.py does not exist",
            where="module",
            expected=f"a package in the tree for {module}, so that it is installed with the others",
            remedy="name an existing sub-package, or create that one first",
        )


def _path(tree: ast.Module, target: str) -> tuple[str, str]:
    """Return the class (or the empty string) and the name that a target means."""
    *_, owner, name = ["", *target.split(".")]
    is_member = any(isinstance(node, ast.ClassDef) and node.name == owner for node in tree.body)
    return (owner if is_member else ""), name


def _is_class(tree: ast.Module, name: str) -> bool:
    named = [
        n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and n.name == name
    ]
    return bool(named) and isinstance(named[-1], ast.ClassDef)


def _holder(line: str) -> tuple[str, str]:
    module, _, name = line.strip().partition(" ")
    return dotted_name(module, "importers"), identifier(name, "importers")


def _header(header_source: str) -> str:
    """Return the comment with which a file starts, up to the first line that is not one."""
    lines = header_source.splitlines()
    end = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "".join(f"{line}\n" for line in lines[:end])


def _of_function(source: str, target: str, replacement: str, style: Style) -> Replacement:
    function = find_function(source, target)
    read, write = _BINDINGS[function.binding]
    name = function.name.strip("_")
    original = f"_original_{name}"
    if replacement:
        new = _replacing(replacement)
        imports, own = [function.imports[0], new], bound_name(new)
        return Replacement(imports, original, read.format(function.path), "", own, function.path, write.format(own))
    ascend = f"_ascend_{name}"
    keyword = "async def" if function.is_coroutine else "def"
    call = "return await" if function.is_coroutine else "return"
    start, end = f"{keyword} {ascend}(", f"){function.returns}:"
    definition = bracketed(start, function.parameters, end, width=style.line_length, hug=True)
    body = bracketed(f"{call} {original}(", function.arguments, ")", width=style.line_length, indent=INDENT, hug=True)
    code = f"{definition}\n{INDENT}{body}\n"
    return Replacement(
        list(function.imports), original, read.format(function.path), code, ascend, function.path, write.format(ascend)
    )


def _of_class(target: str, replacement: str) -> Replacement:
    module, _, name = target.rpartition(".")
    new = [_replacing(replacement)] if replacement else []
    where = module_import(module, new)
    path = f"{bound_name(where)}.{name}"
    own = bound_name(new[0]) if new else f"Ascend{name.strip('_')}"
    code = "" if new else f'class {own}({path}):\n{INDENT}"""`{name}` on Ascend."""\n'
    return Replacement([where, *new], f"_original_{name.strip('_')}", path, code, own, path, own)


def _replacing(replacement: str) -> Import:
    module, _, name = dotted_name(replacement, "replacement").rpartition(".")
    if module:
        return Import(module, name)
    raise Refusal(
        repr(replacement),
        where="replacement",
        expected="the dotted name of a function or class, with its module",
        remedy="pass module and name, such as vllm_ascend.ops.rotary_embedding.rope_forward_oot",
    )


_HEADER = "#\n# Licence of the trees.\n#\n\nimport trees\n"
_SOURCE = """\
from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import nn

from .roots import Root as R
from .leaves import DEFAULT

if TYPE_CHECKING:
    from trees.soil import Soil


class Cedar(nn.Module):
    def forward(
        self, rings: torch.Tensor, /, root: R | None = None, *more: int, soil: "Soil", n=DEFAULT
    ) -> Iterable[torch.Tensor]:
        yield rings

    @staticmethod
    def height(age: int) -> int:
        return age

    @property
    def width(self):
        return 1


async def plant(cedar: Cedar, **where: str) -> None:
    pass
"""
_TARGET = "vllm.trees.cedar.Cedar.forward"
_CEDAR = {
    "module": "patch_cedar",
    "target": _TARGET,
    "source": _SOURCE,
    "header_source": _HEADER,
}

CODEMOD = Codemod(
    name="ascend-worker-patch",
    summary="write a patch that replaces one function, method or class of vLLM",
    upstream="https://github.com/vllm-project/vllm-ascend/blob/main/docs/source/developer_guide/Design_Documents/patch.md",
    tree="vllm-ascend",
    targets=("vllm_ascend/patch/{kind}/{module_path}.py",),
    parameters=(
        Parameter("module", "the patch module's name, such as patch_cedar or patch_v2.patch_cedar"),
        Parameter("target", "the function, method or class to replace, as a dotted name"),
        Parameter("source", "the module of vLLM that defines it", is_file_text=True),
        Parameter("header_source", "a file with the tree's licence header", is_file_text=True),
        Parameter("kind", "worker or platform", "worker"),
        Parameter("replacement", "the replacement, as a dotted name; the default is a wrapper or a subclass", ""),
        Parameter("importers", "the modules that imported it by name, one line `module name` each", ""),
        Parameter("missing_packages", "packages of the module that the tree does not have, one per line", ""),
    ),
    transform=worker_patch,
    examples=(
        Example(
            _CEDAR,
            "",
            """\
#
# Licence of the trees.
#

from collections.abc import Iterable

import torch
from vllm.trees.cedar import Cedar
from vllm.trees.leaves import DEFAULT
from vllm.trees.roots import Root as R

_original_forward = Cedar.forward


def _ascend_forward(
    self, rings: torch.Tensor, /, root: R | None = None, *more: int, soil, n=DEFAULT
) -> Iterable[torch.Tensor]:
    return _original_forward(self, rings, root, *more, soil=soil, n=n)


Cedar.forward = _ascend_forward
""",
        ),
        Example(
            {**_CEDAR, "target": "vllm.trees.cedar.plant"},
            "",
            """\
#
# Licence of the trees.
#

from vllm.trees import cedar
from vllm.trees.cedar import Cedar

_original_plant = cedar.plant


async def _ascend_plant(cedar: Cedar, **where: str) -> None:
    return await _original_plant(cedar, **where)


cedar.plant = _ascend_plant
""",
        ),
        Example(
            {**_CEDAR, "target": "vllm.trees.cedar.Cedar.height"},
            "",
            """\
#
# Licence of the trees.
#

from vllm.trees.cedar import Cedar

_original_height = Cedar.height


def _ascend_height(age: int) -> int:
    return _original_height(age)


Cedar.height = staticmethod(_ascend_height)
""",
        ),
        RefusedExample({**_CEDAR, "target": "vllm.trees.cedar.Cedar.fall"}, "", "does not define"),
        RefusedExample({**_CEDAR, "target": "vllm.trees.cedar.Oak"}, "", "does not define"),
        RefusedExample({**_CEDAR, "target": "vllm.trees;import os"}, "", "joined by dots"),
        RefusedExample({**_CEDAR, "module": "../patch"}, "", "module"),
        RefusedExample({**_CEDAR, "missing_packages": "a/v3\n"}, "", "a/v3/__init__.py does not exist"),
        RefusedExample(_CEDAR, "import os\n", "other content"),
    ),
    creates=True,
    is_whole=True,
    is_newer=replaces_same,
    is_styled=True,
)
