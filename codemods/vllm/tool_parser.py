"""A tool parser of vLLM, by the name that ``--tool-call-parser`` takes.

The entries of the list are written one part per line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList, entry_codemod
from codemods.entries.kinds.dict_literal import DictLiteral
from codemods.entries.orders import by_name
from codemods.text.names import hub_name, identifier

if TYPE_CHECKING:
    from collections.abc import Mapping

WHERE = "vllm/tool_parsers/__init__.py"


def _entry(arguments: Mapping[str, str]) -> Entry:
    module, class_name = identifier(arguments["module"], "module"), identifier(arguments["class_name"], "class_name")
    return Entry(hub_name(arguments["parser"], "parser"), f'("{module}", "{class_name}")')


_BEFORE = """\
_TOOL_PARSERS_TO_REGISTER = {
    "alder": (  # name
        "alder_tool_parser",  # filename
        "AlderToolParser",  # class_name
    ),
    "willow": (
        "willow_tool_parser",
        "WillowToolParser",
    ),
}
"""
_CEDAR = {"parser": "cedar", "module": "cedar_tool_parser", "class_name": "CedarToolParser"}

ROW = EntryList(
    name="vllm-tool-parser",
    summary="register a tool parser in vLLM",
    upstream="https://github.com/vllm-project/vllm/blob/main/vllm/tool_parsers/__init__.py",
    tree="vllm",
    files=(WHERE,),
    kind=DictLiteral("_TOOL_PARSERS_TO_REGISTER", exploded=True),
    order=by_name,
    entry=_entry,
    parameters=(
        Parameter("parser", "its name on the command line, such as cedar"),
        Parameter("module", "its module in vllm/tool_parsers, such as cedar_tool_parser"),
        Parameter("class_name", "the class in that module"),
    ),
    examples=(
        Example(
            _CEDAR,
            _BEFORE,
            _BEFORE.replace(
                '    "willow": (\n',
                '    "cedar": (\n        "cedar_tool_parser",\n        "CedarToolParser",\n    ),\n    "willow": (\n',
            ),
        ),
        Example(
            {**_CEDAR, "parser": "willow", "replace": "yes"},
            _BEFORE,
            _BEFORE.replace("willow_", "cedar_").replace("Willow", "Cedar"),
        ),
        RefusedExample({**_CEDAR, "parser": "willow"}, _BEFORE, "is registered already, as"),
        RefusedExample({**_CEDAR, "module": "a.b"}, _BEFORE, "module"),
        RefusedExample(_CEDAR, "x = 1\n", "no dict _TOOL_PARSERS_TO_REGISTER"),
    ),
    noun="is registered already, as",
    is_styled=True,
)

CODEMOD = entry_codemod(ROW)
