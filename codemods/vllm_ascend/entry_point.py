"""An entry point in ``setup.py`` of vllm-ascend, through which vLLM finds what a package registers.

https://docs.vllm.ai/en/latest/design/plugin_system.html
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList, each_table, entry_codemod
from codemods.entries.kinds.string_list import StringList, string_brackets
from codemods.entries.orders import last
from codemods.refusal import Refusal
from codemods.text.names import dotted_name, identifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from codemods.entries.kinds.brackets_of_python import Brackets
    from codemods.entries.listing import Item
    from codemods.entries.python.layout import Layout
    from codemods.entries.python.source import Source

WHERE = "setup.py"


@dataclass(frozen=True)
class EntryPoints(StringList):
    """Lists of ``"name = module:function"`` in ``setup(entry_points={…})``, by their groups; the target is the key."""

    names: str = "entry_points"
    expected: str = '`setup(…, entry_points={{"group": […]}})`'

    def found(self, source: Source) -> Iterator[tuple[str, Brackets]]:
        """Yield the groups."""
        for call in ast.walk(source.tree):
            if isinstance(call, ast.Call) and ast.unparse(call.func).split(".")[-1] == "setup":
                for keyword in call.keywords:
                    if keyword.arg == "entry_points" and isinstance(keyword.value, ast.Dict):
                        for key, value in zip(keyword.value.keys, keyword.value.values, strict=True):
                            if isinstance(key, ast.Constant) and isinstance(value, ast.List):
                                yield str(key.value), string_brackets(source, value, target_of)

    def opened(self, entry: Entry, layout: Layout) -> tuple[str, ast.expr, str]:
        """Return an entry as ``"name = target",``."""
        return "", ast.Constant(entry.value), ","


def target_of(point: str) -> str:
    """Return what an entry point leads to."""
    return point.partition("=")[2].strip()


def _entry(arguments: Mapping[str, str]) -> Entry:
    module, colon, function = arguments["target"].partition(":")
    if not colon:
        raise Refusal(
            repr(arguments["target"]), where="target", expected="module:function", remedy="add the function's name"
        )
    target = f"{dotted_name(module, 'target')}:{identifier(function, 'target')}"
    point = f"{identifier(arguments['name'], 'name')} = {target}"
    return Entry(target, point, dotted_name(arguments["group"], "group"), is_same=_is_there)


def _is_there(item: Item) -> bool:
    return True


_BEFORE = """\
from setuptools import setup

setup(
    name="trees",
    entry_points={
        "vllm.platform_plugins": ["trees = trees:register"],
        "vllm.general_plugins": [
            "trees_connector = trees:register_connector",
            "trees_loader = trees:register_loader"
        ],
    },
)
"""
_MODELS = {"group": "vllm.general_plugins", "name": "trees_model", "target": "trees:register_model"}

ROW = EntryList(
    name="ascend-entry-point",
    summary="make vLLM call a function of vllm-ascend, through an entry point in its setup.py",
    upstream="https://docs.vllm.ai/en/latest/design/plugin_system.html",
    tree="vllm-ascend",
    files=(WHERE,),
    kind=EntryPoints(),
    order=last,
    entry=_entry,
    parameters=(
        Parameter("target", "module and function, such as vllm_ascend:register_model"),
        Parameter("name", "the entry point's name, such as ascend_model"),
        Parameter("group", "the list that gets it", "vllm.general_plugins"),
    ),
    examples=(
        # Whatever it is called, a function is called once.
        Example({**_MODELS, "target": "trees:register_loader"}, _BEFORE, _BEFORE),
        Example(
            _MODELS,
            _BEFORE,
            _BEFORE.replace(
                '"trees_loader = trees:register_loader"\n',
                '"trees_loader = trees:register_loader",\n            "trees_model = trees:register_model",\n',
            ),
        ),
        RefusedExample({**_MODELS, "group": "vllm.other"}, _BEFORE, "no table vllm.other"),
        RefusedExample({**_MODELS, "group": "vllm.platform_plugins"}, _BEFORE, "is not written one entry per line"),
        RefusedExample({**_MODELS, "target": "trees"}, _BEFORE, "module:function"),
        RefusedExample({**_MODELS, "name": 'x"'}, _BEFORE, "name"),
        RefusedExample(_MODELS, "x = 1\n", "no list entry_points"),
    ),
    is_styled=True,
    scope=each_table,
)

CODEMOD = entry_codemod(ROW)
