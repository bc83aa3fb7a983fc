"""The class that checks and completes vLLM's settings for an architecture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList, entry_codemod
from codemods.entries.kinds.dict_literal import DictLiteral
from codemods.entries.orders import by_name
from codemods.entries.python.known_value import knows_value
from codemods.text.names import identifier

if TYPE_CHECKING:
    from collections.abc import Mapping

WHERE = "vllm/model_executor/models/config.py"


def _entry(arguments: Mapping[str, str]) -> Entry:
    return Entry(
        identifier(arguments["architecture"], "architecture"), identifier(arguments["class_name"], "class_name")
    )


_BEFORE = """\
class CedarConfig(AlderConfig):
    pass


MODELS_CONFIG_MAP: dict[str, type] = {
    "AlderForCausalLM": AlderConfig,
    "WillowForCausalLM": (
        WillowConfig
    ),
}
"""
_CEDAR = {"architecture": "CedarForCausalLM", "class_name": "CedarConfig"}

ROW = EntryList(
    name="vllm-model-config",
    summary="set the class that checks and completes an architecture's settings in vLLM",
    upstream="https://github.com/vllm-project/vllm/blob/main/vllm/model_executor/models/config.py",
    tree="vllm",
    files=(WHERE,),
    kind=DictLiteral("MODELS_CONFIG_MAP"),
    order=by_name,
    entry=_entry,
    parameters=(
        Parameter("architecture", "the name in `architectures` of config.json"),
        Parameter("class_name", "the class, which the file defines or imports"),
    ),
    examples=(
        Example(
            _CEDAR,
            _BEFORE,
            _BEFORE.replace('    "WillowForCausalLM', '    "CedarForCausalLM": CedarConfig,\n    "WillowForCausalLM'),
        ),
        Example({**_CEDAR, "architecture": "WillowForCausalLM", "class_name": "WillowConfig"}, _BEFORE, _BEFORE),
        RefusedExample({**_CEDAR, "architecture": "AlderForCausalLM"}, _BEFORE, "has the class AlderConfig"),
        RefusedExample({**_CEDAR, "class_name": "BirchConfig"}, _BEFORE, "the file has no BirchConfig"),
        RefusedExample({**_CEDAR, "class_name": "A B"}, _BEFORE, "class_name"),
        RefusedExample(_CEDAR, "x = 1\n", "no dict MODELS_CONFIG_MAP"),
    ),
    noun="has the class",
    check=knows_value,
    is_styled=True,
)

CODEMOD = entry_codemod(ROW)
