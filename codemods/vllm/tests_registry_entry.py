"""The checkpoint that vLLM's own tests use for an architecture.

Each registered architecture needs one: the model tests go
through the registry. The order of its dicts is the registry's own, see `codemods.vllm.registry_entry`.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList, entry_codemod
from codemods.entries.kinds.dict_literal import DictLiteral
from codemods.entries.orders import by_architecture
from codemods.entries.python.layout import expression
from codemods.refusal import Refusal
from codemods.text.names import hub_name, identifier
from codemods.vllm.registry_entry import table_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from codemods.entries.listing import Item

WHERE = "tests/models/registry.py"
INFO = "_HfExamplesInfo"


def _entry(arguments: Mapping[str, str]) -> Entry:
    """Return an entry; one that names this checkpoint first, with whatever else, is the same."""
    is_public = "is_available_online=False" not in arguments["options"].replace(" ", "")
    checkpoint = arguments["checkpoint"]
    if checkpoint or is_public:
        hub_name(checkpoint, "checkpoint")
    options = ast.unparse(_options(arguments["options"])).removeprefix(f"{INFO}(").removesuffix(")")
    return Entry(
        identifier(arguments["architecture"], "architecture"),
        f'{INFO}("{checkpoint}"{", " if options else ""}{options})',
        table_of(arguments, "_EXAMPLE_MODELS"),
        arguments["section"],
        is_same=lambda item: _checkpoint(item) == checkpoint,
    )


def _options(source: str) -> ast.Call:
    """Return further keywords as a call. Raises `Refusal` if they are anything else, or not of plain values."""
    call = expression(f"{INFO}({source})", "options")
    try:
        if isinstance(call, ast.Call) and ast.unparse(call.func) == INFO and not call.args:
            for keyword in call.keywords:
                ast.literal_eval(keyword.value)
                identifier(keyword.arg or "", "options")
            return call
    except ValueError:
        pass
    raise Refusal(
        repr(source),
        where="options",
        expected='keywords of plain values, such as trust_remote_code=True, revision="main"',
        remedy="write them as in the file, separated by commas",
    )


def _checkpoint(item: Item) -> str | None:
    """Return the checkpoint that an entry names."""
    call = expression(item.shown, INFO)
    first = call.args[0] if isinstance(call, ast.Call) and call.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None


_BEFORE = """\
_TEXT_GENERATION_EXAMPLE_MODELS = {
    # [Decoder-only]
    "AlderForCausalLM": _HfExamplesInfo("trees/alder-7b", trust_remote_code=True),
    "CedarForCausalLM": _HfExamplesInfo(
        "trees/cedar-7b",
        max_model_len=4096,
    ),
}

_EMBEDDING_EXAMPLE_MODELS = {
    "WillowModel": _HfExamplesInfo("trees/willow-embedding"),
}
"""
_LAST = "        max_model_len=4096,\n    ),\n"

ROW = EntryList(
    name="vllm-test-registry-entry",
    summary="set the checkpoint with which vLLM's own tests run an architecture",
    upstream="https://docs.vllm.ai/en/latest/contributing/model/tests.html#model-loading",
    tree="vllm",
    files=(WHERE,),
    kind=DictLiteral(r"_\w+_EXAMPLE_MODELS"),
    order=by_architecture,
    entry=_entry,
    noun="has the entry",
    has_sections=True,
    parameters=(
        Parameter("architecture", "the name in `architectures` of config.json"),
        Parameter(
            "checkpoint",
            "its name on the Hugging Face Hub, such as trees/cedar-7b; empty with options=is_available_online=False",
        ),
        Parameter("registry", "the dict that gets the entry, such as _MULTIMODAL_EXAMPLE_MODELS", ""),
        Parameter("category", "short form of `registry`: TEXT_GENERATION (the default), MULTIMODAL …", ""),
        Parameter("options", "further keywords of the entry, such as trust_remote_code=True", ""),
    ),
    examples=(
        Example(
            {"architecture": "BirchForCausalLM", "checkpoint": "trees/birch-7b"},
            _BEFORE,
            _BEFORE.replace('    "Cedar', '    "BirchForCausalLM": _HfExamplesInfo("trees/birch-7b"),\n    "Cedar'),
        ),
        # Over 88 columns: the argument goes on a line of its own.
        Example(
            {"architecture": "HawthornForCausalLM", "checkpoint": f"trees/hawthorn-{'x' * 40}"},
            _BEFORE,
            _BEFORE.replace(
                _LAST,
                f'{_LAST}    "HawthornForCausalLM": _HfExamplesInfo(\n        "trees/hawthorn-{"x" * 40}"\n    ),\n',
            ),
        ),
        Example(
            {"architecture": "BirchForCausalLM", "checkpoint": "", "options": "is_available_online=False"},
            _BEFORE,
            _BEFORE.replace(
                '    "Cedar', '    "BirchForCausalLM": _HfExamplesInfo("", is_available_online=False),\n    "Cedar'
            ),
        ),
        # Whatever else an entry says of its checkpoint is its author's.
        Example({"architecture": "CedarForCausalLM", "checkpoint": "trees/cedar-7b"}, _BEFORE, _BEFORE),
        RefusedExample(
            {"architecture": "AlderForCausalLM", "checkpoint": "trees/alder-8b"},
            _BEFORE,
            "has the entry _HfExamplesInfo",
        ),
        RefusedExample(
            {"architecture": "WillowModel", "checkpoint": "trees/willow"}, _BEFORE, "_EMBEDDING_EXAMPLE_MODELS"
        ),
        RefusedExample({"architecture": "X", "checkpoint": ""}, _BEFORE, "checkpoint"),
        RefusedExample({"architecture": "X", "checkpoint": "x", "options": "f()"}, _BEFORE, "options"),
        RefusedExample(
            {"architecture": "X", "checkpoint": "x", "options": "a=f()"}, _BEFORE, "keywords of plain values"
        ),
        RefusedExample({"architecture": "X", "checkpoint": 'x"), *[Y('}, _BEFORE, "checkpoint"),
        RefusedExample({"architecture": "X", "checkpoint": "x", "registry": "_OTHER"}, _BEFORE, "no table _OTHER"),
    ),
    is_styled=True,
)

CODEMOD = entry_codemod(ROW)
