"""A new worker patch of vllm-ascend: one file that replaces one function of vLLM.

The function that it makes has the original's own signature and calls the original, so that the
file changes nothing until its author writes the difference.
"""

from __future__ import annotations

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.refusal import Refusal
from codemods.text.imports import import_block
from codemods.text.names import dotted_name, identifier
from codemods.text.python_text import INDENT, bracketed
from codemods.text.signature import Function, find_function
from codemods.text.tree_style import Style

# How a function is taken from its class and put back: (decorator, read, write).
_BINDINGS = {
    "": ("{0}", "{0}"),
    "staticmethod": ("{0}", "staticmethod({0})"),
    "classmethod": ("{0}.__func__", "classmethod({0})"),
    "property": ("{0}.fget", "property({0})"),
}


def worker_patch(text: str, *, module: str, target: str, source: str, header_source: str, style: Style) -> str:
    """Write a patch for ``target``, such as ``vllm.model_executor.models.llama.LlamaMLP.forward``.

    ``module`` is the name of the patch file, ``source`` the text of the module in which the target
    is defined, ``header_source`` a file of the tree whose leading comment is the licence header.
    ``text`` is what the file holds already: nothing, or exactly this patch. Raises `Refusal` if
    the target is not defined in ``source`` or cannot be replaced by a plain function.
    """
    identifier(module, "module")
    patch = _render(find_function(source, dotted_name(target, "target")), _header(header_source), style)
    if text not in ("", patch):
        raise Refusal(
            "the patch file has other content",
            where="text",
            expected=f"nothing, or the patch of {target}",
            remedy="name the patch file differently, or edit the one that is there",
        )
    return patch


def _header(header_source: str) -> str:
    """Return the comment with which a file starts, up to the first line that is not one."""
    lines = header_source.splitlines()
    end = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "".join(f"{line}\n" for line in lines[:end])


def _render(function: Function, header: str, style: Style) -> str:
    read, write = _BINDINGS[function.binding]
    name = function.name.strip("_")
    original, ascend = f"_original_{name}", f"_ascend_{name}"
    keyword = "async def" if function.is_coroutine else "def"
    call = "return await" if function.is_coroutine else "return"
    definition = bracketed(
        f"{keyword} {ascend}(",
        function.parameters,
        f"){function.returns}:",
        width=style.line_length,
        hug=True,
    )
    body = bracketed(f"{call} {original}(", function.arguments, ")", width=style.line_length, indent=INDENT, hug=True)
    blocks = [
        f"{import_block(function.imports, style)}\n{original} = {read.format(function.path)}\n",
        f"{definition}\n{INDENT}{body}\n",
        f"{function.path} = {write.format(ascend)}\n",
    ]
    return (f"{header}\n" if header else "") + "\n\n".join(blocks)


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
    summary="write a worker patch that replaces one function of vLLM",
    upstream="https://github.com/vllm-project/vllm-ascend/blob/main/docs/source/developer_guide/Design_Documents/patch.md",
    tree="vllm-ascend",
    targets=("vllm_ascend/patch/worker/{module}.py",),
    parameters=(
        Parameter("module", "the patch module's name, such as patch_cedar"),
        Parameter("target", "the function to replace, as a dotted name"),
        Parameter("source", "the module of vLLM that defines it", is_file_text=True),
        Parameter("header_source", "a file with the tree's licence header", is_file_text=True),
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
        RefusedExample({**_CEDAR, "target": "vllm.trees.cedar.Cedar"}, "", "does not define"),
        RefusedExample({**_CEDAR, "target": "vllm.trees;import os"}, "", "joined by dots"),
        RefusedExample({**_CEDAR, "module": "../patch"}, "", "module"),
        RefusedExample(_CEDAR, "import os\n", "other content"),
    ),
    creates=True,
    is_whole=True,
    is_styled=True,
)
