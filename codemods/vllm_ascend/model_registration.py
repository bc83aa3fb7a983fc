"""An out-of-tree model in vllm-ascend's ``register_model``; the call goes beside its family's, otherwise last.

If a version's package has no such function, use the recipe ``add-ascend-model``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList, entry_codemod
from codemods.entries.kinds.calls_of_function import CallsOfFunction
from codemods.entries.orders import beside_family
from codemods.text.names import identifier, packaged_module

if TYPE_CHECKING:
    from collections.abc import Mapping

WHERE = "vllm_ascend/models/__init__.py"
CALLS = CallsOfFunction("register_model", "ModelRegistry.register_model")
PARAMETERS = (
    Parameter("architecture", "the name in `architectures` of config.json"),
    Parameter("module", "the dotted module, such as vllm_ascend.models.cedar"),
    Parameter("class_name", "the class in that module"),
)


def _entry(arguments: Mapping[str, str]) -> Entry:
    module = packaged_module(arguments["module"], "module", "vllm_ascend.models.cedar")
    class_name = identifier(arguments["class_name"], "class_name")
    return Entry(identifier(arguments["architecture"], "architecture"), f'"{module}:{class_name}"')


_BEFORE = """\
from trees import ModelRegistry


def register_model():
    ModelRegistry.register_model("BirchForCausalLM", "trees.models.birch:AscendBirchForCausalLM")

    if OLD:
        ModelRegistry.register_model("WillowForCausalLM", "trees.models.willow:Willow")


def other():
    pass
"""
_BIRCH = '"trees.models.birch:AscendBirchForCausalLM")\n'
_CEDAR = {
    "architecture": "CedarForCausalLM",
    "module": "vllm_ascend.models.cedar",
    "class_name": "AscendCedarForCausalLM",
}

ROW = EntryList(
    name="ascend-model-registration",
    summary="register an out-of-tree model of vllm-ascend",
    upstream="https://docs.vllm.ai/en/latest/contributing/model/registration.html#out-of-tree-models",
    tree="vllm-ascend",
    files=(WHERE,),
    kind=CALLS,
    order=beside_family,
    entry=_entry,
    noun="is registered already, as",
    parameters=PARAMETERS,
    examples=(
        Example(
            _CEDAR,
            _BEFORE,
            _BEFORE.replace(
                _BIRCH,
                _BIRCH + '    ModelRegistry.register_model("CedarForCausalLM", '
                '"vllm_ascend.models.cedar:AscendCedarForCausalLM")\n',
            ),
        ),
        # Over 120 columns: the arguments go on a line of their own.
        Example(
            {
                **_CEDAR,
                "architecture": "CedarWithManyConesForConditionalGeneration",
                "module": "vllm_ascend.models.cones",
            },
            _BEFORE,
            _BEFORE.replace(
                _BIRCH,
                _BIRCH + "    ModelRegistry.register_model(\n"
                '        "CedarWithManyConesForConditionalGeneration", '
                '"vllm_ascend.models.cones:AscendCedarForCausalLM"\n'
                "    )\n",
            ),
        ),
        RefusedExample(
            {**_CEDAR, "architecture": "WillowForCausalLM"},
            _BEFORE,
            "registered already, as trees.models.willow:Willow",
        ),
        RefusedExample(_CEDAR, "x = 1\n", "no function `register_model`"),
        RefusedExample({**_CEDAR, "module": "cedar"}, _BEFORE, "whole dotted name"),
        RefusedExample({**_CEDAR, "class_name": 'X")\nimport os'}, _BEFORE, "class_name"),
    ),
    is_styled=True,
)

CODEMOD = entry_codemod(ROW)
