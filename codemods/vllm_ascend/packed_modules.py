"""Which modules of a checkpoint a layer of a model type packs, for ModelSlim checkpoints of vllm-ascend.

A model type without a row fails with a KeyError at start, or is served with wrong scales.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList, entry_codemod
from codemods.entries.kinds.dict_literal import DictLiteral
from codemods.entries.orders import beside_family
from codemods.entries.python.layout import expression
from codemods.refusal import Refusal
from codemods.text.names import model_type_name, module_name

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES = ("vllm_ascend/quantization/modelslim_config.py", "vllm_ascend/quantization/quant_config.py")


def _entry(arguments: Mapping[str, str]) -> Entry:
    return Entry(model_type_name(arguments["model_type"], "model_type"), _modules(arguments["modules"]))


def _modules(source: str) -> str:
    """Return the source of a dict from names to lists of names. Raises `Refusal` if it is none."""
    try:
        node = expression(source, "modules")
        value = ast.literal_eval(node)
        pairs = {
            module_name(key, "modules"): [module_name(one, "modules") for one in parts] for key, parts in value.items()
        }
    except (Refusal, ValueError, AttributeError, TypeError) as error:
        raise _refusal(repr(source)) from error
    if not pairs or not all(pairs.values()):
        raise _refusal(f"{source!r} packs nothing" if not pairs else f"{source!r} has a module that packs nothing")
    if isinstance(node, ast.Dict) and len(node.keys) > len(pairs):
        raise _refusal(f"{source!r} has a module twice")
    return repr(pairs)


def _refusal(found: str) -> Refusal:
    return Refusal(
        found,
        where="modules",
        expected='a dict of lists, each module once, such as {"qkv_proj": ["q_proj", "k_proj", "v_proj"]}',
        remedy="write it in this form",
    )


_BEFORE = """\
packed_modules_model_mapping = {
    "alder": {
        "qkv_proj": [
            "q_proj",
            "k_proj",
            "v_proj",
        ],
        "experts": ["experts.0.gate_proj", "experts.0.up_proj", "experts.0.down_proj"],
    },
}
"""
_CEDAR = {"model_type": "cedar", "modules": '{"gate_up_proj": ["gate_proj", "up_proj"]}'}

ROW = EntryList(
    name="ascend-packed-modules",
    summary="state for ModelSlim checkpoints which modules a model type's layers pack",
    upstream="https://github.com/vllm-project/vllm-ascend/blob/main/vllm_ascend/quantization/modelslim_config.py",
    tree="vllm-ascend",
    files=FILES,
    kind=DictLiteral("packed_modules_model_mapping", exploded=True),
    order=beside_family,
    entry=_entry,
    parameters=(
        Parameter("model_type", "`model_type` of config.json, outer or text"),
        Parameter("modules", 'a dict of lists, such as {"qkv_proj": ["q_proj", "k_proj", "v_proj"]}'),
    ),
    examples=(
        Example(
            _CEDAR,
            _BEFORE,
            _BEFORE[:-2] + '    "cedar": {\n        "gate_up_proj": ["gate_proj", "up_proj"],\n    },\n}\n',
        ),
        RefusedExample({**_CEDAR, "model_type": "alder"}, _BEFORE, "has the modules"),
        RefusedExample({**_CEDAR, "modules": "{}.clear()"}, _BEFORE, "modules"),
        RefusedExample({**_CEDAR, "modules": "{}"}, _BEFORE, "packs nothing"),
        RefusedExample({**_CEDAR, "modules": "gate_up_proj=gate_proj,up_proj"}, _BEFORE, "a dict of lists"),
        RefusedExample({**_CEDAR, "modules": '{"gate_up_proj": []}'}, _BEFORE, "a module that packs nothing"),
        RefusedExample({**_CEDAR, "modules": '{"a": ["b"], "a": ["c"]}'}, _BEFORE, "a module twice"),
        RefusedExample(_CEDAR, "x = 1\n", "no dict packed_modules_model_mapping"),
    ),
    noun="has the modules",
    is_styled=True,
)

CODEMOD = entry_codemod(ROW)
