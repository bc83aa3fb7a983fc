"""An architecture in vLLM's model registry.

Order: the registry's dicts are sorted by the architecture's name without its suffix
(``ForCausalLM``, ``Model`` …), ignoring case, so a family stays together (Cohere, Cohere2,
Cohere2Moe), with a few entries out of order. In vLLM 0.32.0 this order explains 96 of the 118
text-generation entries, plain alphabetical order 86. `codemods.text.sorted_place` says how
entries out of order are prevented from misleading. The dict of speculative models is not in alphabetical order: a draft
goes beside the drafts of its family or of its method, see `codemods.entries.orders`. If comments such as
``# [Decoder-only]`` divide a dict into sections, the entry goes to the first, or to the named one.

vLLM merges all its dicts, and one entry would hide the other: an architecture occurs in only one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList, entry_codemod
from codemods.entries.kinds.dict_literal import DictLiteral
from codemods.entries.orders import by_architecture, by_draft
from codemods.refusal import Refusal
from codemods.text.names import dotted_name, identifier

if TYPE_CHECKING:
    from collections.abc import Mapping

WHERE = "vllm/model_executor/models/registry.py"
DICTS = DictLiteral(r"_\w+_MODELS", what="dict", expected="`{name} = {{…}}` at the top level")
OTHER_DICTS = ("_VLLM_MODELS", "_PREVIOUSLY_SUPPORTED_MODELS", "_OOT_SUPPORTED_MODELS")
"""Those that name nothing that serves one: all others joined, the last release that did, a plugin's page."""


def table_of(arguments: Mapping[str, str], ending: str) -> str:
    """Return the dict that ``category`` (such as MULTIMODAL) or ``registry`` names; text generation where none does.

    Raises `Refusal` if the two name different ones.
    """
    words = arguments.get("category", "").upper().replace("-", "_").strip("_").removesuffix("_MODELS")
    registry = arguments.get("registry", "")
    named = f"_{identifier(words, 'category')}{ending}" if words else ""
    if registry and named and registry != named:
        raise Refusal(
            f"registry={registry} and category={words}",
            where="arguments",
            expected="one of the two, or both for the same dict",
            remedy="leave one of them out",
        )
    return identifier(registry or named or f"_TEXT_GENERATION{ending}", "registry")


def _entry(arguments: Mapping[str, str]) -> Entry:
    module, class_name = dotted_name(arguments["module"], "module"), identifier(arguments["class_name"], "class_name")
    table = table_of(arguments, "_MODELS")
    if table in OTHER_DICTS:
        raise Refusal(
            f"{table} does not list implementations",
            where="registry",
            expected="a dict such as _TEXT_GENERATION_MODELS or _MULTIMODAL_MODELS",
            remedy="choose one of these; for models that are not in vLLM use vllm-retired-model or vllm-plugin-model",
        )
    return Entry(
        identifier(arguments["architecture"], "architecture"),
        f'("{module}", "{class_name}")',
        table,
        arguments["section"],
    )


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


_DRAFTS = """\
_SPECULATIVE_DECODING_MODELS = {
    "Eagle3CedarForCausalLM": ("cedar_eagle3", "Eagle3Cedar"),
    "Eagle3WillowForCausalLM": ("willow_eagle3", "Eagle3Willow"),
    "AlderMTPModel": ("alder_mtp", "AlderMTP"),
    "WillowMTPModel": ("willow_mtp", "WillowMTP"),
}
"""


def _after(anchor: str, inserted: str) -> str:
    return _BEFORE.replace(anchor, anchor + inserted)


ROW = EntryList(
    name="vllm-registry-entry",
    summary="register an architecture in vLLM's own registry",
    upstream="https://docs.vllm.ai/en/latest/contributing/model/registration.html",
    tree="vllm",
    files=(WHERE,),
    kind=DICTS,
    order=by_architecture,
    orders={"_SPECULATIVE_DECODING_MODELS": by_draft},
    entry=_entry,
    noun="is registered already, as",
    has_sections=True,
    parameters=(
        Parameter("architecture", "the name in `architectures` of config.json"),
        Parameter("module", "under vllm.model_executor.models, or a full dotted module path"),
        Parameter("class_name", "the class in that module"),
        Parameter("registry", "the dict that gets the entry, such as _MULTIMODAL_MODELS", ""),
        Parameter("category", "short form of `registry`: TEXT_GENERATION (the default), MULTIMODAL …", ""),
    ),
    examples=(
        # One that vLLM once had comes back, and is retired no more.
        Example(
            {"architecture": "X", "module": "x", "class_name": "X", "replace": "yes"},
            'A_B = 1\n_TEXT_GENERATION_MODELS = {\n    "W": ("w", "W"),\n}\n'
            '_PREVIOUSLY_SUPPORTED_MODELS = {\n    "V": "0.9.1",\n    "X": "0.9.2",\n}\n',
            'A_B = 1\n_TEXT_GENERATION_MODELS = {\n    "W": ("w", "W"),\n    "X": ("x", "X"),\n}\n'
            '_PREVIOUSLY_SUPPORTED_MODELS = {\n    "V": "0.9.1",\n}\n',
        ),
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
        # A draft stands beside those of its method and family.
        Example(
            {"architecture": "Eagle3Willow2ForCausalLM", "module": "willow_eagle3", "class_name": "Eagle3Willow"}
            | {"category": "SPECULATIVE_DECODING"},
            _DRAFTS,
            _DRAFTS.replace(
                '    "AlderMTP',
                '    "Eagle3Willow2ForCausalLM": ("willow_eagle3", "Eagle3Willow"),\n    "AlderMTP',
            ),
        ),
        # What a registry has already is moved, if that is asked for.
        Example(
            {"architecture": "ThornForConditionalGeneration", "module": "thorn", "class_name": "Thorn"}
            | {"category": "MULTIMODAL", "replace": "yes"},
            _BEFORE,
            _BEFORE.replace('    "ThornForConditionalGeneration": ("thorn", "ThornForConditionalGeneration"),\n', "")[
                :-2
            ]
            + '    "ThornForConditionalGeneration": ("thorn", "Thorn"),\n}\n',
        ),
        Example(
            {"architecture": "YewForConditionalGeneration", "module": "yew", "class_name": "Yew"}
            | {"section": "Encoder-decoder"},
            _BEFORE,
            _after(
                '    "ThornForConditionalGeneration": ("thorn", "ThornForConditionalGeneration"),\n',
                '    "YewForConditionalGeneration": ("yew", "Yew"),\n',
            ),
        ),
        RefusedExample(
            {"architecture": "CedarForCausalLM", "module": "new", "class_name": "New"},
            _BEFORE,
            'registered already, as ("cedar", "CedarForCausalLM"); expected no entry, or ("new"',
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
        RefusedExample({"architecture": "X", "module": "x.py", "class_name": "X"}, _BEFORE, "without the ending"),
        RefusedExample(
            {"architecture": "X", "module": "x", "class_name": "X"},
            _BEFORE + '\n_PREVIOUSLY_SUPPORTED_MODELS = {\n    "X": "0.9.2",\n}\n',
            'registered already, as "0.9.2"',
        ),
        # The dict that all others are joined in, and those of models that vLLM has no more, take no implementation.
        RefusedExample(
            {"architecture": "X", "module": "x", "class_name": "X", "registry": "_VLLM_MODELS"},
            _BEFORE + "\n_VLLM_MODELS = {\n    **_TEXT_GENERATION_MODELS,\n}\n",
            "_VLLM_MODELS does not list implementations",
        ),
        RefusedExample({"architecture": "X", "module": "x", "class_name": "X"}, "x = (", "not valid"),
        RefusedExample({"architecture": "X", "module": "x", "class_name": "X"}, "x = 1\n", "no dict"),
    ),
    is_styled=True,
)

CODEMOD = entry_codemod(ROW)
