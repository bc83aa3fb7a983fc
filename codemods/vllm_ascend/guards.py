"""Conditions under which a patch is applied: a version, a device; and where their names come from."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from codemods.refusal import Refusal
from codemods.text.import_member import with_import
from codemods.text.names import one_line

ORIGINS = {
    "vllm_version_is": "vllm_ascend.utils",
    "is_310p": "vllm_ascend.utils",
    "get_ascend_device_type": "vllm_ascend.utils",
    "AscendDeviceType": "vllm_ascend.utils",
    "envs": "vllm_ascend",
    "HAS_TRITON": "vllm.triton_utils",
    "os": "",
}
"""Name in a condition → the module that it is imported from, as vllm-ascend's patch packages do; empty: itself."""
_NODES: tuple[type[ast.AST], ...] = (
    ast.Name,
    ast.Load,
    ast.Call,
    ast.Attribute,
    ast.Constant,
    ast.Compare,
    ast.cmpop,
    ast.BoolOp,
    ast.boolop,
)
_NODES += (ast.UnaryOp, ast.Not, ast.Tuple, ast.List, ast.keyword)


@dataclass(frozen=True)
class Guard:
    """A condition's text and the names that it uses."""

    text: str
    names: frozenset[str]

    def is_same(self, test: ast.expr) -> bool:
        """Return whether a test of the file is this one, however it is laid out."""
        return ast.unparse(test) == ast.unparse(ast.parse(self.text, mode="eval").body)

    def is_opposite(self, test: ast.expr) -> bool:
        """Return whether a test is this one with ``not``, or this is that one with ``not``."""
        own = ast.parse(self.text, mode="eval").body
        return any(
            isinstance(one, ast.UnaryOp)
            and isinstance(one.op, ast.Not)
            and ast.unparse(one.operand) == ast.unparse(other)
            for one, other in ((own, test), (test, own))
        )


def guard(condition: str) -> Guard:
    """Read a condition. Raises `Refusal` for what is no expression of names, calls and constants."""
    try:
        tree = ast.parse(one_line(condition, "condition"), mode="eval").body
        nodes = list(ast.walk(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        nodes = []
    if not nodes or not all(isinstance(node, _NODES) for node in nodes):
        raise Refusal(
            repr(condition),
            where="condition",
            expected='an expression such as `not is_310p()` or `vllm_version_is("0.23.0")`',
            remedy="correct the condition",
        )
    return Guard(condition.strip(), frozenset(node.id for node in nodes if isinstance(node, ast.Name)))


def with_names(text: str, names: list[str], where: str) -> str:
    """Import names that conditions use. Raises `Refusal` for names whose origin nobody knows."""
    unknown = [name for name in names if name not in ORIGINS]
    if unknown:
        raise Refusal(
            f"the condition uses {', '.join(unknown)}, which the file does not import",
            where=where,
            expected=f"names that it imports, or {', '.join(ORIGINS)}",
            remedy="import the name there first",
        )
    for name in names:
        origin = ORIGINS[name]
        text = with_import(text, origin, name if origin else "", where, plain="" if origin else f"import {name}")
    return text
