"""An out-of-tree model in vllm-ascend's ``register_model``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.refusal import Refusal
from codemods.text.names import dotted_name, identifier
from codemods.text.python_text import INDENT, bracketed, parse_module
from codemods.text.tree_style import Style

if TYPE_CHECKING:
    from collections.abc import Sequence

WHERE = "vllm_ascend/models/__init__.py"


def model_registration(text: str, *, architecture: str, module: str, class_name: str, style: Style) -> str:
    """Add ``ModelRegistry.register_model("architecture", "module:class_name")``.

    It follows the last such call of the function ``register_model``. Raises `Refusal` if the
    architecture is registered there as something else, or if the function has no such call.
    """
    identifier(architecture, "architecture")
    value = f"{dotted_name(module, 'module')}:{identifier(class_name, 'class_name')}"
    tree = parse_module(text, WHERE)
    function = register_model(tree)
    registered = dict(_registrations(function))
    if registered.get(architecture) == value:
        return text
    if architecture in registered:
        raise Refusal(
            f"{architecture} is registered already, as {registered[architecture]}",
            where=WHERE,
            expected=f"no registration, or {value}",
            remedy="remove that registration first, or use the implementation that it names",
        )
    items = [f'"{architecture}"', f'"{value}"']
    call = bracketed("ModelRegistry.register_model(", items, ")", width=style.line_length, indent=INDENT, hug=True)
    # The block's indentation is added to every line of a statement in it.
    statement = cst.parse_statement(call.replace(f"\n{INDENT}", "\n"), tree.config_for_parsing)
    body = list(function.body.body)
    body.insert(last_call(body) + 1, statement)
    changed = function.with_changes(body=function.body.with_changes(body=body))
    return cst.ensure_type(tree.deep_replace(function, changed), cst.Module).code


def register_model(tree: cst.Module) -> cst.FunctionDef:
    """Return the function that registers models. Raises `Refusal` if there is none that does."""
    for statement in tree.body:
        if (
            isinstance(statement, cst.FunctionDef)
            and statement.name.value == "register_model"
            and isinstance(statement.body, cst.IndentedBlock)
            and last_call(statement.body.body) >= 0
        ):
            return statement
    raise Refusal(
        "no function `register_model` that calls `ModelRegistry.register_model`",
        where=WHERE,
        expected="a vllm-ascend tree with out-of-tree models (0.11, or 0.23 and later)",
        remedy="place the model in vLLM's tree or in a plugin of its own",
    )


def last_call(body: Sequence[cst.CSTNode]) -> int:
    """Return the index of the last unconditional registration in a function's body, or -1."""
    simple = m.SimpleStatementLine(body=[m.Expr(value=_call())])
    return max((i for i, line in enumerate(body) if m.matches(line, simple)), default=-1)


def _registrations(function: cst.FunctionDef) -> list[tuple[str, str]]:
    """Return what the function registers with plain strings, conditionally or not."""
    pairs = []
    for call in m.findall(function, _call()):
        values = [argument.value for argument in cst.ensure_type(call, cst.Call).args]
        strings = [str(v.evaluated_value) for v in values if isinstance(v, cst.SimpleString)]
        if len(strings) == len(values) == 2:
            pairs.append((strings[0], strings[1]))
    return pairs


def _call() -> m.Call:
    function = m.Attribute(value=m.Name("ModelRegistry"), attr=m.Name("register_model"))
    return m.Call(func=function)


_BEFORE = """\
from trees import ModelRegistry


def register_model():
    ModelRegistry.register_model("BirchForCausalLM", "trees.models.birch:AscendBirchForCausalLM")

    if OLD:
        ModelRegistry.register_model("WillowForCausalLM", "trees.models.willow:Willow")


def other():
    pass
"""
_BIRCH = '"trees.models.birch:AscendBirchForCausalLM")\n'
_CEDAR = {
    "architecture": "CedarForCausalLM",
    "module": "vllm_ascend.models.cedar",
    "class_name": "AscendCedarForCausalLM",
}

CODEMOD = Codemod(
    name="ascend-model-registration",
    summary="register an out-of-tree model of vllm-ascend",
    upstream="https://docs.vllm.ai/en/latest/contributing/model/registration.html#out-of-tree-models",
    tree="vllm-ascend",
    targets=(WHERE,),
    parameters=(
        Parameter("architecture", "the name in `architectures` of config.json"),
        Parameter("module", "the dotted module, such as vllm_ascend.models.cedar"),
        Parameter("class_name", "the class in that module"),
    ),
    transform=model_registration,
    examples=(
        Example(
            _CEDAR,
            _BEFORE,
            _BEFORE.replace(
                _BIRCH,
                _BIRCH + '    ModelRegistry.register_model("CedarForCausalLM", '
                '"vllm_ascend.models.cedar:AscendCedarForCausalLM")\n',
            ),
        ),
        # Over 120 columns: the arguments go on a line of their own.
        Example(
            {
                **_CEDAR,
                "architecture": "CedarWithManyConesForConditionalGeneration",
                "module": "vllm_ascend.models.cones",
            },
            _BEFORE,
            _BEFORE.replace(
                _BIRCH,
                _BIRCH + "    ModelRegistry.register_model(\n"
                '        "CedarWithManyConesForConditionalGeneration", '
                '"vllm_ascend.models.cones:AscendCedarForCausalLM"\n'
                "    )\n",
            ),
        ),
        RefusedExample(
            {**_CEDAR, "architecture": "WillowForCausalLM"},
            _BEFORE,
            "registered already, as trees.models.willow:Willow",
        ),
        RefusedExample(_CEDAR, "x = 1\n", "no function `register_model`"),
        RefusedExample({**_CEDAR, "class_name": 'X")\nimport os'}, _BEFORE, "class_name"),
    ),
    is_styled=True,
)
