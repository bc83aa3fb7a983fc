"""One packed layer of a model type that is already in vllm-ascend's table for ModelSlim checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList, each_table, entry_codemod
from codemods.entries.kinds.nested_dict import NestedDict
from codemods.entries.orders import last
from codemods.text.names import model_type_name, module_name
from codemods.vllm_ascend.packed_modules import FILES

if TYPE_CHECKING:
    from collections.abc import Mapping


def _entry(arguments: Mapping[str, str]) -> Entry:
    parts = [f'"{module_name(part.strip(), "parts")}"' for part in arguments["parts"].split(",")]
    table = model_type_name(arguments["model_type"], "model_type")
    return Entry(module_name(arguments["layer"], "layer"), f"[{', '.join(parts)}]", table)


_BEFORE = """\
packed_modules_model_mapping = {
    "alder": {
        "gate_up_proj": ["gate_proj", "up_proj"],
    },
    "willow": {
        "gate_up_proj": ["gate_proj", "up_proj"],
        "experts": ["experts.0.gate_proj", "experts.0.up_proj", "experts.0.down_proj"],
    },
}
"""
_QKV = {"model_type": "alder", "layer": "qkv_proj", "parts": "q_proj, k_proj, v_proj"}
_ALDER = '        "gate_up_proj": ["gate_proj", "up_proj"],\n    },\n    "willow'

ROW = EntryList(
    name="ascend-packed-module",
    summary="add one packed layer to a model type's list, for ModelSlim checkpoints",
    upstream="https://github.com/vllm-project/vllm-ascend/blob/main/vllm_ascend/quantization/modelslim_config.py",
    tree="vllm-ascend",
    files=FILES,
    kind=NestedDict("packed_modules_model_mapping"),
    order=last,
    entry=_entry,
    parameters=(
        Parameter("model_type", "`model_type` of config.json, which the table already has"),
        Parameter("layer", "the packed layer, such as qkv_proj"),
        Parameter("parts", "what it packs, such as q_proj, k_proj, v_proj"),
    ),
    examples=(
        Example(
            _QKV,
            _BEFORE,
            _BEFORE.replace(
                _ALDER, _ALDER.replace("    },", '        "qkv_proj": ["q_proj", "k_proj", "v_proj"],\n    },', 1), 1
            ),
        ),
        Example({**_QKV, "layer": "gate_up_proj", "parts": "gate_proj,up_proj"}, _BEFORE, _BEFORE),
        RefusedExample({**_QKV, "layer": "gate_up_proj"}, _BEFORE, "packs already"),
        RefusedExample(
            _QKV, _BEFORE + 'packed_modules_model_mapping["alder"]["qkv_proj"] = ["qkv"]\n', "packs already"
        ),
        RefusedExample({**_QKV, "model_type": "cedar"}, _BEFORE, "no table cedar"),
        RefusedExample({**_QKV, "parts": "a b"}, _BEFORE, "parts"),
    ),
    noun="packs already",
    scope=each_table,
    is_styled=True,
)

CODEMOD = entry_codemod(ROW)
