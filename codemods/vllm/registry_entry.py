"""An architecture in vLLM's model registry.

The place: the registry's dicts are sorted by the architecture's name without its ending
(``ForCausalLM``, ``Model`` …), ignoring case, so that a family stands together (Cohere, Cohere2,
Cohere2Moe), with a few entries out of order. In vLLM 0.32.0 this order explains 96 of the 118
text-generation entries, the plain alphabet 86. `codemods.text.sorted_place` says how
entries out of order are kept from misleading. Where comments such as ``# [Decoder-only]`` divide a
dict into sections, the entry goes to the first.
"""

from __future__ import annotations

import re

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.refusal import Refusal
from codemods.text.dict_literal import find_dict, strings_of
from codemods.text.names import dotted_name, identifier
from codemods.text.python_text import INDENT, bracketed
from codemods.text.tree_style import Style

WHERE = "vllm/model_executor/models/registry.py"

_ENDING = re.compile(r"For[A-Z]|LMHeadModel$|Model$")


def registry_entry(
    text: str,
    *,
    architecture: str,
    module: str,
    class_name: str,
    registry: str = "_TEXT_GENERATION_MODELS",
    style: Style,
) -> str:
    """Add ``"architecture": ("module", "class_name")`` to a dict of the registry.

    Raises `Refusal` if the architecture is registered already as something else, in
    this dict or in another one: vLLM merges them all, and one would hide the other.
    """
    identifier(architecture, "architecture")
    value = (dotted_name(module, "module"), identifier(class_name, "class_name"))
    entries = find_dict(text, identifier(registry, "registry"), WHERE)
    for name, known in strings_of(entries.tree, architecture):
        if known == value and name == registry:
            return text
        if known != value:
            raise Refusal(
                f"{architecture} is registered already, as {known}",
                where=f"{name} in {WHERE}",
                expected=f"no entry, or {value}",
                remedy="remove that entry first, or use the implementation that it names",
            )
    start, parts = f'"{architecture}": ', [f'"{part}"' for part in value]
    source = bracketed(f"{start}(", parts, "),", width=style.line_length, indent=INDENT)
    return entries.insert(architecture, source.removeprefix(start).removesuffix(","), sort_key)


def sort_key(architecture: str) -> str:
    """Return what the registry's dicts are sorted by: the name without its ending, ignoring case."""
    return _ENDING.split(architecture, maxsplit=1)[0].casefold()


_BEFORE = """\
_TEXT_GENERATION_MODELS = {
    # [Decoder-only]
    "AlderForCausalLM": ("alder", "AlderForCausalLM"),
    "CedarForCausalLM": ("cedar", "CedarForCausalLM"),
    "Cedar2ForCausalLM": ("cedar", "CedarForCausalLM"),
    # For first-planters/willow-*
    "WILLOWForCausalLM": ("willow", "WillowForCausalLM"),
    "BirchMoeForCausalLM": ("birch", "BirchMoeForCausalLM"),  # was elsewhere
    # [Encoder-decoder]
    "ThornForConditionalGeneration": ("thorn", "ThornForConditionalGeneration"),
}

_MULTIMODAL_MODELS = {
    "CedarVLForConditionalGeneration": (
        "vllm.models.cedar_vl",
        "CedarVLForConditionalGeneration",
    ),
}
"""


def _after(anchor: str, inserted: str) -> str:
    return _BEFORE.replace(anchor, anchor + inserted)


CODEMOD = Codemod(
    name="vllm-registry-entry",
    summary="register an architecture in vLLM's own registry",
    upstream="https://docs.vllm.ai/en/latest/contributing/model/registration.html",
    tree="vllm",
    targets=(WHERE,),
    parameters=(
        Parameter("architecture", "the name in `architectures` of config.json"),
        Parameter("module", "under vllm.model_executor.models, or a full dotted module path"),
        Parameter("class_name", "the class in that module"),
        Parameter("registry", "the dict that gets the entry", "_TEXT_GENERATION_MODELS"),
    ),
    transform=registry_entry,
    examples=(
        # Cedar3 follows Cedar and Cedar2; the comment stays with WILLOW below it.
        Example(
            {
                "architecture": "Cedar3ForCausalLM",
                "module": "cedar3",
                "class_name": "Cedar3ForCausalLM",
            },
            _BEFORE,
            _after(
                '    "Cedar2ForCausalLM": ("cedar", "CedarForCausalLM"),\n',
                '    "Cedar3ForCausalLM": ("cedar3", "Cedar3ForCausalLM"),\n',
            ),
        ),
        # The first of its section follows the section's heading.
        Example(
            {"architecture": "AcerModel", "module": "acer", "class_name": "AcerForCausalLM"},
            _BEFORE,
            _after("    # [Decoder-only]\n", '    "AcerModel": ("acer", "AcerForCausalLM"),\n'),
        ),
        # The last of its section stands above the next heading, BirchMoe being out of order.
        Example(
            {
                "architecture": "YewForCausalLM",
                "module": "yew",
                "class_name": "YewForCausalLM",
            },
            _BEFORE,
            _after(
                '    "WILLOWForCausalLM": ("willow", "WillowForCausalLM"),\n',
                '    "YewForCausalLM": ("yew", "YewForCausalLM"),\n',
            ),
        ),
        # Over 88 columns: one part per line.
        Example(
            {
                "architecture": "HawthornVLForConditionalGeneration",
                "module": "hawthorn_vl",
                "class_name": "HawthornVLForConditionalGeneration",
                "registry": "_MULTIMODAL_MODELS",
            },
            _BEFORE,
            _BEFORE[:-2]
            + '    "HawthornVLForConditionalGeneration": (\n'
            + '        "hawthorn_vl",\n'
            + '        "HawthornVLForConditionalGeneration",\n'
            + "    ),\n}\n",
        ),
        RefusedExample(
            {"architecture": "CedarForCausalLM", "module": "new", "class_name": "New"},
            _BEFORE,
            "registered already, as ('cedar', 'CedarForCausalLM'); expected no entry, or ('new'",
        ),
        RefusedExample(
            {"architecture": "ThornForConditionalGeneration", "module": "new", "class_name": "New"}
            | {"registry": "_MULTIMODAL_MODELS"},
            _BEFORE,
            "registered already",
        ),
        RefusedExample(
            {"architecture": 'X": 1, "Y', "module": "x", "class_name": "X"},
            _BEFORE,
            "a Python identifier",
        ),
        RefusedExample({"architecture": "X", "module": "../x", "class_name": "X"}, _BEFORE, "module"),
        RefusedExample({"architecture": "X", "module": "x", "class_name": "X"}, "x = (", "not valid"),
        RefusedExample({"architecture": "X", "module": "x", "class_name": "X"}, "x = 1\n", "no dict"),
    ),
    is_styled=True,
)
