"""The package of out-of-tree models, in a vllm-ascend that has none, with its first model.

Versions 0.12 to 0.22 have no such package. Two further edits make vLLM call it: `ascend-model-hook` and
`ascend-entry-point`; the recipe ``add-ascend-model`` makes all three.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.entries.entry_list import with_entry
from codemods.vllm_ascend.model_registration import PARAMETERS, ROW, WHERE

if TYPE_CHECKING:
    from codemods.text.tree_style import Style

_FUNCTION = """\
from vllm import ModelRegistry


def register_model():
    ModelRegistry.register_model("", "")
"""


def models_package(text: str, *, header_source: str, style: Style, **arguments: str) -> str:
    """Return a module whose ``register_model`` registers the model; one that is there gets the registration alone."""
    if text.strip():
        return with_entry(ROW, text, arguments, style)
    comment = "".join(f"{line}\n" for line in _comment(header_source))
    with_one = with_entry(ROW, _FUNCTION, arguments, style)
    return (f"{comment}\n" if comment else "") + with_one.replace(f"{_FUNCTION.splitlines()[-1]}\n", "")


def _comment(source: str) -> list[str]:
    """Return the comment that a file starts with: the licence header."""
    lines = source.splitlines()
    return lines[: next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))]


_CEDAR = {
    "architecture": "CedarForCausalLM",
    "module": "vllm_ascend.models.cedar",
    "class_name": "AscendCedarForCausalLM",
    "header_source": "# Licence of the trees.\n\nimport os\n",
}
_AFTER = """\
# Licence of the trees.

from vllm import ModelRegistry


def register_model():
    ModelRegistry.register_model("CedarForCausalLM", "vllm_ascend.models.cedar:AscendCedarForCausalLM")
"""

CODEMOD = Codemod(
    name="ascend-models-package",
    summary="add a package for out-of-tree models, with its first model, to a vllm-ascend that has none",
    upstream="https://github.com/vllm-project/vllm-ascend/blob/main/vllm_ascend/models/__init__.py",
    tree="vllm-ascend",
    targets=(WHERE,),
    parameters=(*PARAMETERS, Parameter("header_source", "a file with the tree's licence header", is_file_text=True)),
    transform=models_package,
    examples=(
        Example(_CEDAR, "", _AFTER),
        RefusedExample({**_CEDAR, "class_name": "A B"}, "", "class_name"),
        RefusedExample({**_CEDAR, "module": "vllm_ascend.models.elm"}, _AFTER, "registered already"),
    ),
    creates=True,
    is_styled=True,
)
