"""An architecture that a plugin serves: if somebody serves it without the plugin, vLLM names the plugin's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList, entry_codemod
from codemods.entries.orders import last
from codemods.text.names import identifier, web_address
from codemods.vllm.registry_entry import DICTS, WHERE

if TYPE_CHECKING:
    from collections.abc import Mapping


def _entry(arguments: Mapping[str, str]) -> Entry:
    return Entry(
        identifier(arguments["architecture"], "architecture"),
        f'"{web_address(arguments["page"], "page")}"',
        "_OOT_SUPPORTED_MODELS",
    )


_BEFORE = """\
_TEXT_GENERATION_MODELS = {
    "AlderForCausalLM": ("alder", "AlderForCausalLM"),
}

_OOT_SUPPORTED_MODELS = {
    "WillowModel": "https://trees.example/willow-plugin",
}
"""
_CEDAR = {"architecture": "CedarForCausalLM", "page": "https://trees.example/cedar-plugin"}

ROW = EntryList(
    name="vllm-plugin-model",
    summary="name the plugin that serves an architecture that vLLM does not have",
    upstream="https://docs.vllm.ai/en/latest/contributing/model/registration.html#out-of-tree-models",
    tree="vllm",
    files=(WHERE,),
    kind=DICTS,
    order=last,
    entry=_entry,
    parameters=(
        Parameter("architecture", "the name in `architectures` of config.json"),
        Parameter("page", "the plugin's address, such as https://github.com/vllm-project/bart-plugin"),
    ),
    examples=(
        Example(
            _CEDAR,
            _BEFORE,
            _BEFORE[:-2] + '    "CedarForCausalLM": "https://trees.example/cedar-plugin",\n}\n',
        ),
        Example(
            {**_CEDAR, "architecture": "AlderForCausalLM", "replace": "yes"},
            _BEFORE,
            _BEFORE.replace('    "AlderForCausalLM": ("alder", "AlderForCausalLM"),\n', "")[:-2]
            + '    "AlderForCausalLM": "https://trees.example/cedar-plugin",\n}\n',
        ),
        RefusedExample({**_CEDAR, "architecture": "AlderForCausalLM"}, _BEFORE, "registered already"),
        RefusedExample({**_CEDAR, "page": 'https://x"'}, _BEFORE, "page"),
    ),
    noun="is registered already, as",
    is_styled=True,
)

CODEMOD = entry_codemod(ROW)
