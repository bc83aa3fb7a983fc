"""The checkpoint that vLLM's own tests take for an architecture.

Each registered architecture needs one: its tests of models go
through the registry. The order of its dicts is the registry's own, see `codemods.vllm.registry_entry`.
"""

from __future__ import annotations

import re

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.refusal import Refusal
from codemods.text.dict_literal import find_dict, sources_of
from codemods.text.names import hub_name, identifier
from codemods.text.python_text import INDENT, bracketed
from codemods.text.tree_style import Style
from codemods.vllm.registry_entry import sort_key

WHERE = "tests/models/registry.py"


def example_entry(
    text: str,
    *,
    architecture: str,
    checkpoint: str,
    registry: str = "_TEXT_GENERATION_EXAMPLE_MODELS",
    style: Style,
) -> str:
    """Add ``"architecture": _HfExamplesInfo("checkpoint")`` to a dict of the registry.

    An entry that names this checkpoint first, with whatever else, is there already. Raises
    `Refusal` if a dict of the file has an entry of this name with another checkpoint.
    """
    identifier(architecture, "architecture")
    argument = f'"{hub_name(checkpoint, "checkpoint")}"'
    entries = find_dict(text, identifier(registry, "registry"), WHERE)
    for name, known in sources_of(text, entries.tree, architecture):
        if re.match(rf"_HfExamplesInfo\(\s*{re.escape(argument)}", known):
            return text
        raise Refusal(
            f"{architecture} has the entry {known}",
            where=f"{name} in {WHERE}",
            expected=f"no entry, or one that starts with _HfExamplesInfo({argument}",
            remedy="change that entry by hand, or keep it",
        )
    start = f'"{architecture}": '
    entry = bracketed(f"{start}_HfExamplesInfo(", [argument], "),", width=style.line_length, indent=INDENT, hug=True)
    return entries.insert(architecture, entry.removeprefix(start).removesuffix(","), sort_key)


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

CODEMOD = Codemod(
    name="vllm-test-registry-entry",
    summary="name the checkpoint with which vLLM's own tests try an architecture",
    upstream="https://docs.vllm.ai/en/latest/contributing/model/tests.html#model-loading",
    tree="vllm",
    targets=(WHERE,),
    parameters=(
        Parameter("architecture", "the name in `architectures` of config.json"),
        Parameter("checkpoint", "its name on the Hugging Face Hub, such as trees/cedar-7b"),
        Parameter("registry", "the dict that gets the entry", "_TEXT_GENERATION_EXAMPLE_MODELS"),
    ),
    transform=example_entry,
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
        RefusedExample({"architecture": "X", "checkpoint": 'x"), *[Y('}, _BEFORE, "checkpoint"),
        RefusedExample({"architecture": "X", "checkpoint": "x", "registry": "_OTHER"}, _BEFORE, "no dict _OTHER"),
    ),
    is_styled=True,
)
