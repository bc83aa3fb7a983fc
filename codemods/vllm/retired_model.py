"""An architecture that vLLM no longer has: it moves from the registry to the list of the last releases that had it.

If somebody serves one, vLLM names that release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList, entry_codemod
from codemods.entries.orders import last
from codemods.text.names import identifier, release
from codemods.vllm.registry_entry import DICTS, WHERE

if TYPE_CHECKING:
    from collections.abc import Mapping


def _entry(arguments: Mapping[str, str]) -> Entry:
    return Entry(
        identifier(arguments["architecture"], "architecture"),
        f'"{release(arguments["version"], "version")}"',
        "_PREVIOUSLY_SUPPORTED_MODELS",
        is_moved=True,
    )


_BEFORE = """\
_TEXT_GENERATION_MODELS = {
    # [Decoder-only]
    "AlderForCausalLM": ("alder", "AlderForCausalLM"),
    "CedarForCausalLM": (
        "cedar",
        "CedarForCausalLM",
    ),  # two sizes
}

_PREVIOUSLY_SUPPORTED_MODELS = {
    "ThornForCausalLM": "0.9.2",
    # those with roots
    "WillowForCausalLM": "0.10.2",
}
"""

ROW = EntryList(
    name="vllm-retired-model",
    summary="remove an architecture from vLLM's registry, and name the last release that has it",
    upstream="https://github.com/vllm-project/vllm/blob/main/vllm/model_executor/models/registry.py",
    tree="vllm",
    files=(WHERE,),
    kind=DICTS,
    order=last,
    entry=_entry,
    parameters=(
        Parameter("architecture", "the name in `architectures` of config.json"),
        Parameter("version", "the last release of vLLM that has it, such as 0.28.0"),
    ),
    examples=(
        Example(
            {"architecture": "CedarForCausalLM", "version": "0.28.0"},
            _BEFORE,
            _BEFORE.replace(
                '    "CedarForCausalLM": (\n        "cedar",\n        "CedarForCausalLM",\n    ),  # two sizes\n', ""
            ).replace('"0.10.2",\n', '"0.10.2",\n    "CedarForCausalLM": "0.28.0",  # two sizes\n'),
        ),
        RefusedExample({"architecture": "Cedar ", "version": "0.28.0"}, _BEFORE, "architecture"),
        RefusedExample({"architecture": "CedarForCausalLM", "version": "soon"}, _BEFORE, "version"),
        RefusedExample(
            {"architecture": "CedarForCausalLM", "version": "0.28.0"},
            _BEFORE + '_TEXT_GENERATION_MODELS["CedarForCausalLM"] = ("cedar", "Cedar2")\n',
            '_TEXT_GENERATION_MODELS["CedarForCausalLM"] = ',
        ),
    ),
    noun="is registered already, as",
    is_styled=True,
)

CODEMOD = entry_codemod(ROW)
