"""A model type in vLLM's table of config classes: its configs are loaded without remote code.

The table is a call of keywords, in no strict order; the entry goes last.
"""

from __future__ import annotations

import ast

import libcst as cst

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.refusal import Refusal
from codemods.text.names import hub_name, identifier
from codemods.text.python_text import Cut, cut, parse_module, parse_tree

WHERE = "vllm/transformers_utils/config.py"
TABLE = "_CONFIG_REGISTRY"


def config_type(text: str, *, model_type: str, class_name: str) -> str:
    """Add ``model_type="class_name"`` to the table.

    Raises `Refusal` if the type has another class there, or if the table is not written one entry per line.
    """
    hub_name(model_type, "model_type")
    identifier(class_name, "class_name")
    place = _place(text)
    module = parse_module(place.lines, WHERE)
    call = _table(module)
    known = dict(pair for argument in call.args for pair in _pairs(argument))
    if known.get(model_type) == class_name:
        return text
    if model_type in known:
        raise Refusal(
            f"{model_type} has the config class {known[model_type]}",
            where=f"{TABLE} in {WHERE}",
            expected=f"no entry, or {class_name}",
            remedy="remove that entry first, or use the class that it names",
        )
    *before, last = call.args
    before.append(last.with_changes(comma=cst.Comma(whitespace_after=call.whitespace_before_args)))
    entry = f'{model_type}="{class_name}"' if model_type.isidentifier() else f'**{{"{model_type}": "{class_name}"}}'
    (new,) = cst.ensure_type(cst.parse_expression(f"f({entry})", module.config_for_parsing), cst.Call).args
    changed = call.with_changes(args=[*before, new.with_changes(comma=last.comma)])
    return place.with_lines(cst.ensure_type(module.deep_replace(call, changed), cst.Module).code)


def _place(text: str) -> Cut:
    """Find the table's statement; without one, the cut is empty."""
    tree = parse_tree(text, WHERE)
    for statement in tree.body:
        if isinstance(statement, ast.AnnAssign) and ast.unparse(statement.target) == TABLE:
            return cut(text, tree, statement)
    return Cut(text, "", "")


def _table(module: cst.Module) -> cst.Call:
    for line in module.body:
        for statement in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            if isinstance(statement, cst.AnnAssign) and isinstance(statement.value, cst.Call):
                call = statement.value
                named = isinstance(statement.target, cst.Name) and statement.target.value == TABLE
                in_lines = isinstance(call.whitespace_before_args, cst.ParenthesizedWhitespace)
                if named and in_lines and call.args and isinstance(call.args[-1].comma, cst.Comma):
                    return call
    raise Refusal(
        f"no table {TABLE} that is written one entry per line",
        where=WHERE,
        expected=f'`{TABLE}: … = LazyConfigDict(` and lines such as `cedar="CedarConfig",`',
        remedy="place the model in a plugin of its own",
    )


def _pairs(argument: cst.Arg) -> list[tuple[str, str]]:
    """Return what ``a="B"`` and ``**{"a": "B"}`` add."""
    if argument.keyword is not None and isinstance(argument.value, cst.SimpleString):
        return [(argument.keyword.value, str(argument.value.evaluated_value))]
    found = []
    for element in argument.value.elements if isinstance(argument.value, cst.Dict) else ():
        if isinstance(element, cst.DictElement) and isinstance(element.key, cst.SimpleString):
            value = element.value
            named = str(value.evaluated_value) if isinstance(value, cst.SimpleString) else ""
            found.append((str(element.key.evaluated_value), named))
    return found


_BEFORE = """\
_CONFIG_REGISTRY: dict[str, type[Config]] = LazyConfigDict(
    alder="AlderConfig",
    birch="BirchConfig",  # trees/birch-7b
    **{"cedar-vl": "CedarVLConfig"},
)
"""
_LAST = '    **{"cedar-vl": "CedarVLConfig"},\n'

CODEMOD = Codemod(
    name="vllm-config-type",
    summary="name the config class of a model type in vLLM",
    upstream="https://github.com/vllm-project/vllm/blob/main/vllm/transformers_utils/config.py",
    tree="vllm",
    targets=(WHERE,),
    parameters=(
        Parameter("model_type", "`model_type` of config.json"),
        Parameter("class_name", "the class, as vllm.transformers_utils.configs has it"),
    ),
    transform=config_type,
    examples=(
        Example(
            {"model_type": "yew", "class_name": "YewConfig"},
            _BEFORE,
            _BEFORE.replace(_LAST, _LAST + '    yew="YewConfig",\n'),
        ),
        # No name of Python's: as the table has such already.
        Example(
            {"model_type": "yew-2.5", "class_name": "YewConfig"},
            _BEFORE,
            _BEFORE.replace(_LAST, _LAST + '    **{"yew-2.5": "YewConfig"},\n'),
        ),
        RefusedExample(
            {"model_type": "cedar-vl", "class_name": "YewConfig"}, _BEFORE, "has the config class CedarVLConfig"
        ),
        RefusedExample({"model_type": "birch", "class_name": "YewConfig"}, _BEFORE, "has the config class BirchConfig"),
        RefusedExample({"model_type": 'y"', "class_name": "YewConfig"}, _BEFORE, "model_type"),
        RefusedExample({"model_type": "yew", "class_name": "Yew Config"}, _BEFORE, "class_name"),
        RefusedExample({"model_type": "yew", "class_name": "YewConfig"}, "x = 1\n", "no table"),
        RefusedExample({"model_type": "yew", "class_name": "YewConfig"}, "x = (", "not valid"),
    ),
)
