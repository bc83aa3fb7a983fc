"""A config class among those of ``vllm.transformers_utils.configs``, which imports them when they are asked for."""

from __future__ import annotations

import ast

import libcst as cst
import libcst.matchers as m

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.refusal import Refusal
from codemods.text.dict_literal import find_dict
from codemods.text.names import dotted_name, identifier
from codemods.text.python_text import cut, parse_module, parse_tree

WHERE = "vllm/transformers_utils/configs/__init__.py"
PACKAGE = "vllm.transformers_utils.configs"
TABLE = "_CLASS_TO_MODULE"


def config_class(text: str, *, class_name: str, module: str) -> str:
    """Add ``"class_name": "vllm.transformers_utils.configs.module"`` to the table, and the name to ``__all__``.

    Raises `Refusal` if the class is there from another module, or if there is no such table.
    """
    identifier(class_name, "class_name")
    value = f'"{PACKAGE}.{dotted_name(module, "module")}"'
    table = find_dict(text, TABLE, WHERE)
    known = table.value(class_name)
    if known is not None and known != value:
        raise Refusal(
            f"{class_name} is a class of {known}",
            where=f"{TABLE} in {WHERE}",
            expected=f"no entry, or {value}",
            remedy="remove that entry first, or use the class that it names",
        )
    return _exported(text if known else table.insert(class_name, value, str.casefold), class_name)


def _exported(text: str, class_name: str) -> str:
    """Add a name at the end of ``__all__``, where the file has one and lacks it."""
    tree = parse_tree(text, WHERE)
    for statement in tree.body:
        value = statement.value if isinstance(statement, ast.Assign) else None
        if isinstance(value, ast.List) and value.elts and ast.unparse(statement).startswith("__all__ ="):
            place = cut(text, tree, statement)
            return place.with_lines(_longer(place.lines, f'"{class_name}"'))
    return text


def _longer(lines: str, word: str) -> str:
    """Add a string at the end of the list that the lines of one statement assign, where it lacks it."""
    module = parse_module(lines, WHERE)
    names = next(iter(m.findall(module, m.List())))
    assert isinstance(names, cst.List)
    if word in [module.code_for_node(element.value) for element in names.elements]:
        return lines
    *before, last = names.elements
    between = cst.Comma(whitespace_after=names.lbracket.whitespace_after)
    elements = [*before, last.with_changes(comma=between), last.with_changes(value=cst.SimpleString(word))]
    return cst.ensure_type(module.deep_replace(names, names.with_changes(elements=elements)), cst.Module).code


_BEFORE = """\
_CLASS_TO_MODULE: dict[str, str] = {
    "AlderConfig": "vllm.transformers_utils.configs.alder",
    "CedarConfig": "vllm.transformers_utils.configs.cedar",
}

__all__ = [
    "AlderConfig",
    "CedarConfig",
]
"""
_BIRCH = {"class_name": "BirchConfig", "module": "birch"}

CODEMOD = Codemod(
    name="vllm-config-class",
    summary="add a class to vLLM's config classes",
    upstream="https://github.com/vllm-project/vllm/blob/main/vllm/transformers_utils/configs/__init__.py",
    tree="vllm",
    targets=(WHERE,),
    parameters=(
        Parameter("class_name", "the class"),
        Parameter("module", "its module in vllm/transformers_utils/configs"),
    ),
    transform=config_class,
    examples=(
        Example(
            _BIRCH,
            _BEFORE,
            _BEFORE.replace(
                '    "CedarConfig": ',
                '    "BirchConfig": "vllm.transformers_utils.configs.birch",\n    "CedarConfig": ',
            ).replace('    "CedarConfig",\n', '    "CedarConfig",\n    "BirchConfig",\n'),
        ),
        RefusedExample({**_BIRCH, "class_name": "CedarConfig"}, _BEFORE, "is a class of"),
        RefusedExample({**_BIRCH, "class_name": "Birch Config"}, _BEFORE, "class_name"),
        RefusedExample({**_BIRCH, "module": "../x"}, _BEFORE, "module"),
        RefusedExample(_BIRCH, "x = 1\n", "no dict"),
    ),
)
