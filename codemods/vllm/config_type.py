"""A model type in vLLM's table of config classes: its configs are loaded without remote code.

The table is a call with keywords, sorted, with some entries out of order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList, entry_codemod
from codemods.entries.kinds.call_keywords import CallKeywords
from codemods.entries.orders import by_name
from codemods.text.names import identifier, model_type_name

if TYPE_CHECKING:
    from collections.abc import Mapping

WHERE = "vllm/transformers_utils/config.py"


def _entry(arguments: Mapping[str, str]) -> Entry:
    class_name = identifier(arguments["class_name"], "class_name")
    return Entry(model_type_name(arguments["model_type"], "model_type"), f'"{class_name}"')


_BEFORE = """\
_CONFIG_REGISTRY: dict[str, type[Config]] = LazyConfigDict(
    alder="AlderConfig",
    birch="BirchConfig",  # trees/birch-7b
    **{"cedar-vl": "CedarVLConfig"},
)
"""
_LAST = '    **{"cedar-vl": "CedarVLConfig"},\n'

ROW = EntryList(
    name="vllm-config-type",
    summary="set the config class of a model type in vLLM",
    upstream="https://github.com/vllm-project/vllm/blob/main/vllm/transformers_utils/config.py",
    tree="vllm",
    files=(WHERE,),
    kind=CallKeywords("_CONFIG_REGISTRY"),
    order=by_name,
    entry=_entry,
    noun="has the config class",
    is_styled=True,
    parameters=(
        Parameter("model_type", "`model_type` of config.json"),
        Parameter("class_name", "the class, as named in vllm.transformers_utils.configs"),
    ),
    examples=(
        Example(
            {"model_type": "yew", "class_name": "YewConfig"},
            _BEFORE,
            _BEFORE.replace(_LAST, _LAST + '    yew="YewConfig",\n'),
        ),
        # No name of Python's: as the table has such already.
        Example(
            {"model_type": "yew-2.5", "class_name": "YewConfig"},
            _BEFORE,
            _BEFORE.replace(_LAST, _LAST + '    **{"yew-2.5": "YewConfig"},\n'),
        ),
        RefusedExample(
            {"model_type": "cedar-vl", "class_name": "YewConfig"}, _BEFORE, 'has the config class "CedarVLConfig"'
        ),
        RefusedExample(
            {"model_type": "birch", "class_name": "YewConfig"}, _BEFORE, 'has the config class "BirchConfig"'
        ),
        Example(
            {"model_type": "Yew++", "class_name": "YewConfig"},
            _BEFORE,
            _BEFORE.replace(_LAST, _LAST + '    **{"Yew++": "YewConfig"},\n'),
        ),
        RefusedExample({"model_type": 'y"', "class_name": "YewConfig"}, _BEFORE, "model_type"),
        RefusedExample({"model_type": "yew", "class_name": "Yew Config"}, _BEFORE, "class_name"),
        RefusedExample({"model_type": "yew", "class_name": "YewConfig"}, "x = 1\n", "no table"),
        RefusedExample({"model_type": "yew", "class_name": "YewConfig"}, "x = (", "not valid"),
    ),
)

CODEMOD = entry_codemod(ROW)
