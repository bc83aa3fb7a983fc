"""A reasoning parser of vLLM, by the name that ``--reasoning-parser`` takes.

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

WHERE = "vllm/reasoning/__init__.py"


def _entry(arguments: Mapping[str, str]) -> Entry:
    module, class_name = identifier(arguments["module"], "module"), identifier(arguments["class_name"], "class_name")
    return Entry(hub_name(arguments["parser"], "parser"), f'("{module}", "{class_name}")')


_BEFORE = """\
_REASONING_PARSERS_TO_REGISTER = {
    "alder": (  # name
        "alder_reasoning_parser",  # filename
        "AlderReasoningParser",  # class_name
    ),
    "willow": (
        "willow_reasoning_parser",
        "WillowReasoningParser",
    ),
}
"""
_CEDAR = {"parser": "cedar", "module": "cedar_reasoning_parser", "class_name": "CedarReasoningParser"}

ROW = EntryList(
    name="vllm-reasoning-parser",
    summary="register a reasoning parser in vLLM",
    upstream="https://github.com/vllm-project/vllm/blob/main/vllm/reasoning/__init__.py",
    tree="vllm",
    files=(WHERE,),
    kind=DictLiteral("_REASONING_PARSERS_TO_REGISTER", exploded=True),
    order=by_name,
    entry=_entry,
    parameters=(
        Parameter("parser", "its name on the command line, such as cedar"),
        Parameter("module", "its module in vllm/reasoning, such as cedar_reasoning_parser"),
        Parameter("class_name", "the class in that module"),
    ),
    examples=(
        Example(
            _CEDAR,
            _BEFORE,
            _BEFORE.replace(
                '    "willow": (\n',
                '    "cedar": (\n        "cedar_reasoning_parser",\n        "CedarReasoningParser",\n    ),\n'
                '    "willow": (\n',
            ),
        ),
        Example(
            {**_CEDAR, "parser": "willow", "replace": "yes"},
            _BEFORE,
            _BEFORE.replace("willow_", "cedar_").replace("Willow", "Cedar"),
        ),
        RefusedExample({**_CEDAR, "parser": "willow"}, _BEFORE, "is registered already, as"),
        RefusedExample({**_CEDAR, "module": "a.b"}, _BEFORE, "module"),
        RefusedExample(_CEDAR, "x = 1\n", "no dict _REASONING_PARSERS_TO_REGISTER"),
    ),
    noun="is registered already, as",
    is_styled=True,
)

CODEMOD = entry_codemod(ROW)
