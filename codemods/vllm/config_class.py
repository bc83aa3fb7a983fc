"""A config class in ``vllm.transformers_utils.configs``, which imports its classes on demand.

Two lists of one file: the table from classes to modules, which is sorted by module, and ``__all__``, if the file has
one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList, entry_codemod, with_entry
from codemods.entries.kinds.dict_literal import DictLiteral
from codemods.entries.kinds.string_list import StringList
from codemods.entries.orders import by_module, by_name
from codemods.text.names import dotted_name, identifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from codemods.text.tree_style import Style

WHERE = "vllm/transformers_utils/configs/__init__.py"
PACKAGE = "vllm.transformers_utils.configs"
WHOLE = ("vllm", "transformers")
"""Packages whose modules are given, and written, by their whole names."""


def _entry(arguments: Mapping[str, str]) -> Entry:
    module = dotted_name(arguments["module"], "module")
    is_full = module.partition(".")[0] in WHOLE
    return Entry(
        identifier(arguments["class_name"], "class_name"), f'"{module}"' if is_full else f'"{PACKAGE}.{module}"'
    )


def _name(arguments: Mapping[str, str]) -> Entry:
    return Entry(arguments["class_name"])


_BEFORE = """\
_CLASS_TO_MODULE: dict[str, str] = {
    "AlderConfig": "vllm.transformers_utils.configs.alder",
    "CedarConfig": "vllm.transformers_utils.configs.cedar",
}

__all__ = [
    "AlderConfig",
    "CedarConfig",
]
"""
_BIRCH = {"class_name": "BirchConfig", "module": "birch"}

ROW = EntryList(
    name="vllm-config-class",
    summary="add a class to vLLM's config classes",
    upstream="https://github.com/vllm-project/vllm/blob/main/vllm/transformers_utils/configs/__init__.py",
    tree="vllm",
    files=(WHERE,),
    kind=DictLiteral("_CLASS_TO_MODULE"),
    order=by_module,
    entry=_entry,
    noun="is a class of",
    is_styled=True,
    parameters=(
        Parameter("class_name", "the class"),
        Parameter(
            "module", "its module in vllm/transformers_utils/configs, or the full name of a vllm or transformers module"
        ),
    ),
    examples=(
        Example(
            _BIRCH,
            _BEFORE,
            _BEFORE.replace(
                '    "CedarConfig": ',
                '    "BirchConfig": "vllm.transformers_utils.configs.birch",\n    "CedarConfig": ',
            ).replace('    "CedarConfig",\n', '    "BirchConfig",\n    "CedarConfig",\n'),
        ),
        Example(
            {**_BIRCH, "module": "vllm.models.birch.configs"},
            _BEFORE.replace("\n__all__", "\n_all"),
            _BEFORE.replace("\n__all__", "\n_all").replace(
                '    "CedarConfig": ', '    "BirchConfig": "vllm.models.birch.configs",\n    "CedarConfig": '
            ),
        ),
        RefusedExample({**_BIRCH, "class_name": "CedarConfig"}, _BEFORE, "is a class of"),
        RefusedExample({**_BIRCH, "class_name": "Birch Config"}, _BEFORE, "class_name"),
        RefusedExample({**_BIRCH, "module": "../x"}, _BEFORE, "module"),
        RefusedExample(_BIRCH, "x = 1\n", "no dict"),
    ),
)

EXPORTED = replace(ROW, kind=StringList("__all__"), order=by_name, entry=_name)
"""The name in ``__all__``."""


def config_class(text: str, *, style: Style | None = None, **arguments: str) -> str:
    """Add a class to the table, and its name to ``__all__`` where the file has such a list."""
    text = with_entry(ROW, text, arguments, style)
    return with_entry(EXPORTED, text, arguments, style) if "__all__" in text else text


CODEMOD = replace(entry_codemod(ROW), transform=config_class)
