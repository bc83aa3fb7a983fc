"""The class that reads sizes (layers, heads, head size) from the configs of a model type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList, entry_codemod
from codemods.entries.kinds.dict_literal import DictLiteral
from codemods.entries.orders import by_name
from codemods.entries.python.known_value import knows_value
from codemods.text.names import identifier, model_type_name

if TYPE_CHECKING:
    from collections.abc import Mapping

WHERE = "vllm/transformers_utils/model_arch_config_convertor.py"


def _entry(arguments: Mapping[str, str]) -> Entry:
    return Entry(
        model_type_name(arguments["model_type"], "model_type"), identifier(arguments["class_name"], "class_name")
    )


_BEFORE = """\
class CedarConvertor(AlderConvertor):
    pass


MODEL_ARCH_CONFIG_CONVERTORS = {
    "alder": AlderConvertor,
    "willow": (
        WillowConvertor
    ),
}
"""
_CEDAR = {"model_type": "cedar_mtp", "class_name": "CedarConvertor"}

ROW = EntryList(
    name="vllm-arch-convertor",
    summary="set the class that reads a model type's sizes from its config in vLLM",
    upstream="https://github.com/vllm-project/vllm/blob/main/vllm/transformers_utils/model_arch_config_convertor.py",
    tree="vllm",
    files=(WHERE,),
    kind=DictLiteral("MODEL_ARCH_CONFIG_CONVERTORS"),
    order=by_name,
    entry=_entry,
    parameters=(
        Parameter("model_type", "`model_type` of config.json"),
        Parameter("class_name", "the class, which the file defines or imports"),
    ),
    examples=(
        Example(_CEDAR, _BEFORE, _BEFORE.replace('    "willow', '    "cedar_mtp": CedarConvertor,\n    "willow')),
        Example({**_CEDAR, "model_type": "willow", "class_name": "WillowConvertor"}, _BEFORE, _BEFORE),
        RefusedExample({**_CEDAR, "model_type": "alder"}, _BEFORE, "has the class AlderConvertor"),
        RefusedExample({**_CEDAR, "class_name": "BirchConvertor"}, _BEFORE, "the file has no BirchConvertor"),
        RefusedExample({**_CEDAR, "class_name": "A B"}, _BEFORE, "class_name"),
        RefusedExample(_CEDAR, "x = 1\n", "no dict MODEL_ARCH_CONFIG_CONVERTORS"),
    ),
    noun="has the class",
    check=knows_value,
    is_styled=True,
)

CODEMOD = entry_codemod(ROW)
