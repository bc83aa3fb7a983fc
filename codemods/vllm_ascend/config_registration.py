"""The config class of an out-of-tree model in vllm-ascend's ``register_model``, which runs before configs are read."""

from __future__ import annotations

import ast

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.entries.listing import Splice, spliced
from codemods.entries.python.source import Source, read_source
from codemods.refusal import Refusal
from codemods.text.names import identifier, model_type_name, packaged_module
from codemods.vllm_ascend.model_registration import CALLS, WHERE


def config_registration(text: str, *, model_type: str, module: str, class_name: str) -> str:
    """Add ``AutoConfig.register("model_type", class_name, exist_ok=True)`` and its imports after the last model.

    Raises `Refusal` if the model type is registered there with another class, or if the function has no model.
    """
    model_type_name(model_type, "model_type")
    package = packaged_module(module, "module", "vllm_ascend.models.configuration_cedar")
    name = identifier(class_name, "class_name")
    (table,) = CALLS.read(text, WHERE, "").tables
    known = _registrations(read_source(text, WHERE))
    if known.get(model_type) == name:
        return text
    if model_type in known:
        raise Refusal(
            f"{model_type} is registered already, with {known[model_type]}",
            where=WHERE,
            expected=f"no registration, or {name}",
            remedy="remove that registration first, or use the class that it names",
        )
    above, end = table.sections[0].items[-1], table.form.line_end
    lines = [
        "from transformers import AutoConfig",
        f"from {package} import {name}",
        f'AutoConfig.register("{model_type}", {name}, exist_ok=True)',
    ]
    new = "".join(f"{end}{above.indent}{line}{end}" for line in lines)
    ends = [Splice(above.missing[0], above.missing[0], above.missing[1])] if above.missing else []
    return spliced(text, [*ends, Splice(above.end, above.end, new)])


def _registrations(source: Source) -> dict[str, str]:
    """Return the class of each model type that the file registers, conditionally or not."""
    found = {}
    for call in ast.walk(source.tree):
        match call:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="AutoConfig"), attr="register"),
                args=[ast.Constant(value=str(model_type)), value, *_],
            ):
                found[model_type] = source.segment(value)
    return found


_BEFORE = """\
from trees import ModelRegistry


def register_model():
    ModelRegistry.register_model("BirchForCausalLM", "trees.models.birch:AscendBirchForCausalLM")
"""
_AFTER = (
    _BEFORE
    + """\

    from transformers import AutoConfig

    from vllm_ascend.models.configuration_birch import BirchConfig

    AutoConfig.register("birch", BirchConfig, exist_ok=True)
"""
)
_BIRCH = {
    "model_type": "birch",
    "module": "vllm_ascend.models.configuration_birch",
    "class_name": "BirchConfig",
}

CODEMOD = Codemod(
    name="ascend-config-registration",
    summary="register the config class of an out-of-tree model of vllm-ascend",
    upstream="https://huggingface.co/docs/transformers/model_doc/auto#transformers.AutoConfig.register",
    tree="vllm-ascend",
    targets=(WHERE,),
    parameters=(
        Parameter("model_type", "`model_type` of config.json"),
        Parameter("module", "the dotted module, such as vllm_ascend.models.configuration_cedar"),
        Parameter("class_name", "the class in that module"),
    ),
    transform=config_registration,
    examples=(
        Example(_BIRCH, _BEFORE, _AFTER),
        Example({**_BIRCH, "model_type": "Birch++"}, _BEFORE, _AFTER.replace('("birch"', '("Birch++"')),
        RefusedExample({**_BIRCH, "class_name": "Other"}, _AFTER, "registered already, with BirchConfig"),
        RefusedExample({**_BIRCH, "model_type": 'b"'}, _BEFORE, "model_type"),
        RefusedExample({**_BIRCH, "class_name": "A B"}, _BEFORE, "class_name"),
        RefusedExample({**_BIRCH, "module": "../x"}, _BEFORE, "module"),
        RefusedExample({**_BIRCH, "module": "configuration_birch"}, _BEFORE, "whole dotted name"),
        RefusedExample(_BIRCH, "x = 1\n", "no function `register_model`"),
    ),
)
