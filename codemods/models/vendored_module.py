"""A module of definitions that were copied from another source tree, written as a whole."""

from __future__ import annotations

import ast

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.refusal import Refusal
from codemods.text.names import dotted_name
from codemods.text.python_text import parse_tree
from codemods.uses.needed import bound


def vendored_module(text: str, *, module: str, content: str) -> str:
    """Write the module. Raises `Refusal` if it holds anything else already, or if ``content`` is no Python."""
    parse_tree(content, dotted_name(module, "module"))
    if text not in ("", content):
        raise Refusal(
            "the module has other content",
            where=module,
            expected="no such file, or exactly these definitions",
            remedy="name another module, or all definitions that this one should have, or remove it first",
        )
    return content


def has_all_of(earlier: str, now: str) -> bool:
    """Return whether a module has, of its own or imported, all that an earlier one defined."""
    own, new = parse_tree(earlier, "the earlier module"), parse_tree(now, "the module")
    defined = [node for node in own.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    return set(bound(defined)) <= set(bound(new.body))


_OAK = {"module": "vllm_ascend.models.oak", "content": "def oak():\n    return 1\n"}
CODEMOD = Codemod(
    name="vendored-module",
    summary="write a module of definitions taken from another tree (vendor-symbols gathers them)",
    upstream="https://github.com/vllm-project/vllm-ascend/tree/main/vllm_ascend/models",
    tree="vllm-ascend",
    targets=("{module_path}.py",),
    parameters=(
        Parameter("module", "the module to write, such as vllm_ascend.models.cedar_parts"),
        Parameter("content", "its text", is_file_text=True),
    ),
    transform=vendored_module,
    examples=(
        Example(_OAK, "", _OAK["content"]),
        RefusedExample(_OAK, "x = 1\n", "other content"),
        RefusedExample({**_OAK, "content": "def"}, "", "not valid Python"),
        RefusedExample({**_OAK, "module": "../oak"}, "", "joined by dots"),
    ),
    creates=True,
    is_whole=True,
    is_newer=has_all_of,
)
