"""vLLM's two lists of parsers, for reasoning and for tool calls, which differ only in their names.

The entries are written one part per line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList
from codemods.entries.kinds.dict_literal import DictLiteral
from codemods.entries.orders import by_name
from codemods.text.names import hub_name, identifier

if TYPE_CHECKING:
    from collections.abc import Mapping

_BEFORE = """\
_{upper}_PARSERS_TO_REGISTER = {{
    "alder": (  # name
        "alder_{lower}_parser",  # filename
        "Alder{title}Parser",  # class_name
    ),
    "willow": (
        "willow_{lower}_parser",
        "Willow{title}Parser",
    ),
}}
"""
_ADDED = """\
    "cedar": (
        "cedar_{lower}_parser",
        "Cedar{title}Parser",
    ),
"""


def parser_list(what: str, folder: str) -> EntryList:
    """Return the row of a list of parsers.

    Args:
        what: ``reasoning`` or ``tool``.
        folder: of the parsers, in whose ``__init__.py`` the list is.
    """
    words = {"lower": what, "upper": what.upper(), "title": what.title()}
    before, file = _BEFORE.format(**words), f"{folder}/__init__.py"
    table = f"_{what.upper()}_PARSERS_TO_REGISTER"
    cedar = {"parser": "cedar", "module": f"cedar_{what}_parser", "class_name": f"Cedar{what.title()}Parser"}
    willow = '    "willow": (\n'
    return EntryList(
        name=f"vllm-{what}-parser",
        summary=f"register a {what} parser in vLLM",
        upstream=f"https://github.com/vllm-project/vllm/blob/main/{file}",
        tree="vllm",
        files=(file,),
        kind=DictLiteral(table, exploded=True),
        order=by_name,
        entry=_entry,
        parameters=(
            Parameter("parser", "its name on the command line, such as cedar"),
            Parameter("module", f"its module in {folder}, such as cedar_{what}_parser"),
            Parameter("class_name", "the class in that module"),
        ),
        examples=(
            Example(cedar, before, before.replace(willow, _ADDED.format(**words) + willow)),
            Example(
                {**cedar, "parser": "willow", "replace": "yes"},
                before,
                before.replace("willow_", "cedar_").replace("Willow", "Cedar"),
            ),
            RefusedExample({**cedar, "parser": "willow"}, before, "is registered already, as"),
            RefusedExample({**cedar, "module": "a.b"}, before, "module"),
            RefusedExample(cedar, "x = 1\n", f"no dict {table}"),
        ),
        noun="is registered already, as",
        is_styled=True,
    )


def _entry(arguments: Mapping[str, str]) -> Entry:
    module, class_name = identifier(arguments["module"], "module"), identifier(arguments["class_name"], "class_name")
    return Entry(hub_name(arguments["parser"], "parser"), f'("{module}", "{class_name}")')
