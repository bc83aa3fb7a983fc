"""The config class of an out-of-tree model in vllm-ascend's ``register_model``, which runs before configs are read."""

from __future__ import annotations

import libcst as cst
import libcst.matchers as m

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.refusal import Refusal
from codemods.text.names import dotted_name, hub_name, identifier
from codemods.text.python_text import parse_module
from codemods.vllm_ascend.model_registration import WHERE, last_call, register_model


def config_registration(text: str, *, model_type: str, module: str, class_name: str) -> str:
    """Add ``AutoConfig.register("model_type", class_name, exist_ok=True)`` and its imports after the last model.

    Raises `Refusal` if the model type is registered there with another class, or if the function has no model.
    """
    hub_name(model_type, "model_type")
    source, name = dotted_name(module, "module"), identifier(class_name, "class_name")
    tree = parse_module(text, WHERE)
    function = register_model(tree)
    known = dict(_registrations(function))
    if known.get(model_type) == name:
        return text
    if model_type in known:
        raise Refusal(
            f"{model_type} is registered already, with {known[model_type]}",
            where=WHERE,
            expected=f"no registration, or {name}",
            remedy="remove that registration first, or use the class that it names",
        )
    lines = [
        "from transformers import AutoConfig",
        f"from {source} import {name}",
        f'AutoConfig.register("{model_type}", {name}, exist_ok=True)',
    ]
    above = [cst.EmptyLine(indent=False)]
    statements = (cst.parse_statement(line, tree.config_for_parsing) for line in lines)
    new = [cst.ensure_type(line, cst.SimpleStatementLine).with_changes(leading_lines=above) for line in statements]
    body = list(function.body.body)
    at = last_call(body) + 1
    changed = function.with_changes(body=function.body.with_changes(body=[*body[:at], *new, *body[at:]]))
    return cst.ensure_type(tree.deep_replace(function, changed), cst.Module).code


def _registrations(function: cst.FunctionDef) -> list[tuple[str, str]]:
    call = m.Call(func=m.Attribute(value=m.Name("AutoConfig"), attr=m.Name("register")))
    pairs = []
    for found in m.findall(function, call):
        first, second, *_ = (argument.value for argument in cst.ensure_type(found, cst.Call).args)
        if isinstance(first, cst.SimpleString) and isinstance(second, cst.Name):
            pairs.append((str(first.evaluated_value), second.value))
    return pairs


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
        RefusedExample({**_BIRCH, "class_name": "Other"}, _AFTER, "registered already, with BirchConfig"),
        RefusedExample({**_BIRCH, "model_type": 'b"'}, _BEFORE, "model_type"),
        RefusedExample({**_BIRCH, "class_name": "A B"}, _BEFORE, "class_name"),
        RefusedExample({**_BIRCH, "module": "../x"}, _BEFORE, "module"),
        RefusedExample(_BIRCH, "x = 1\n", "no function `register_model`"),
    ),
)
