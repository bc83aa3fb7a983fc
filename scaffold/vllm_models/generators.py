"""Whether what a loader does to the stream of weights may bring names that the checkpoint does not have.

Whisper's loader yields a bias of zeros for each projection of k: what no tensor fills such a loader may fill.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from scaffold.vllm_models.evaluate import Evaluator
from scaffold.vllm_models.mappers import Mapper
from scaffold.vllm_models.values import FunctionValue

MAX_DEPTH = 5
SAME = frozenset({"iter", "list", "tuple", "sorted", "reversed", "map", "filter", "tqdm"})
"""Calls that give what they are given, or as many others."""
HANDS_ON = "load_weights"
MANY = 2
Way = tuple[bool, int]
"""Whether a tensor is handed on under the name that it has, and how many are, 2 for more than one."""


def brings_more(function: ast.FunctionDef, stream: str, scope: Evaluator) -> ast.expr | None:
    """Return where a loader may bring further names, None if it hands on no more than it gets.

    Args:
        function: the loader.
        stream: its argument with the weights.
        scope: in which it is evaluated.
    """
    for item in ast.walk(function):
        found: ast.expr | None = None
        if isinstance(item, ast.Assign) and any(isinstance(to, ast.Name) and to.id == stream for to in item.targets):
            found = item.value
        elif isinstance(item, ast.Call) and item.args and _is_method(item.func, HANDS_ON):
            found = item.args[0]
        elif isinstance(item, ast.For):
            found = item.iter
        if found is not None and _names(found, {stream}) and not _one_for_one(found, {stream}, scope, function, 0):
            return found
    return None


def _is_method(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == name


def _names(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(item, ast.Name) and item.id in names for item in ast.walk(node))


def _one_for_one(node: ast.expr, streams: set[str], scope: Evaluator, around: ast.FunctionDef, depth: int) -> bool:
    """Return whether an expression gives the tensors of a stream, or others in their place, and none besides."""
    if isinstance(node, ast.Name):
        return True
    if isinstance(node, ast.GeneratorExp | ast.ListComp):
        return len(node.generators) == 1 and _one_for_one(node.generators[0].iter, streams, scope, around, depth)
    if not isinstance(node, ast.Call):
        return False
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    handed = [item for item in given if _names(item, streams)]
    if len(handed) != 1 or not _one_for_one(handed[0], streams, scope, around, depth):
        return False
    if isinstance(node.func, ast.Name) and node.func.id in SAME:
        return True
    if _is_method(node.func, "apply"):
        assert isinstance(node.func, ast.Attribute)
        return isinstance(scope.value(node.func.value), Mapper)
    if depth >= MAX_DEPTH:
        return False
    inner = _inner(around, node.func)
    if inner is not None:
        return _hands_on(inner, _arguments(inner), scope, depth + 1)
    called = scope.value(node.func)
    if not isinstance(called, FunctionValue) or not isinstance(called.node, ast.FunctionDef):
        return False
    inside = Evaluator(scope.reader, called.file, dict(called.around))
    return _hands_on(called.node, _arguments(called.node), inside, depth + 1)


def _inner(around: ast.FunctionDef, called: ast.expr) -> ast.FunctionDef | None:
    """Return the function of this name that is written inside of another."""
    return next(
        (
            item
            for item in ast.walk(around)
            if isinstance(item, ast.FunctionDef) and isinstance(called, ast.Name) and item.name == called.id
        ),
        None,
    )


def _arguments(function: ast.FunctionDef) -> set[str]:
    return {item.arg for item in (*function.args.posonlyargs, *function.args.args)}


def _hands_on(function: ast.FunctionDef, streams: set[str], scope: Evaluator, depth: int) -> bool:
    """Return whether a function gives each tensor on, or others in its place, and none besides."""
    yields = {id(item) for item in ast.walk(function) if isinstance(item, ast.Yield)}
    if not yields:
        returned = [item.value for item in ast.walk(function) if isinstance(item, ast.Return)]
        return bool(returned) and all(
            item is not None and _one_for_one(item, streams, scope, function, depth) for item in returned
        )
    for item in ast.walk(function):
        if isinstance(item, ast.YieldFrom) and not _one_for_one(item.value, streams, scope, function, depth):
            return False
    loops = [item for item in function.body if isinstance(item, ast.For) and _names(item.iter, streams)]
    if len(loops) != 1 or not _one_for_one(loops[0].iter, streams, scope, function, depth):
        return False
    first = loops[0].target.elts[0] if isinstance(loops[0].target, ast.Tuple) else loops[0].target
    if any(way == (True, MANY) for way in _ways(loops[0].body, ast.unparse(first))):
        return False
    return yields <= {id(item) for item in ast.walk(loops[0])}


def _ways(statements: Sequence[ast.stmt], name: str) -> frozenset[Way]:
    """Return what is yielded on each way through these statements: the tensor of this name itself, and how many."""
    ways = frozenset({(False, 0)})
    for index, item in enumerate(statements):
        if isinstance(item, ast.If):
            rest = statements[index + 1 :]
            inner = frozenset().union(*(_ways(way if _ends(way) else [*way, *rest], name) for way in _arms(item)))
            return _each(ways, inner)
        found = [inner for inner in ast.walk(item) if isinstance(inner, ast.Yield)]
        count = MANY if isinstance(item, ast.For | ast.While) and found else len(found)
        ways = _each(ways, frozenset({(any(_is_of(one, name) for one in found), count)}))
        if _ends([item]):
            break
    return ways


def _each(before: frozenset[Way], after: frozenset[Way]) -> frozenset[Way]:
    return frozenset((own or more, min(MANY, count + further)) for own, count in before for more, further in after)


def _arms(node: ast.If) -> tuple[list[ast.stmt], list[ast.stmt]]:
    return node.body, node.orelse


def _is_of(node: ast.Yield, name: str) -> bool:
    """Return whether the name that is yielded is the one that was given."""
    return isinstance(node.value, ast.Tuple) and ast.unparse(node.value.elts[0]) == name


def _ends(statements: Sequence[ast.stmt]) -> bool:
    return bool(statements) and isinstance(statements[-1], ast.Continue | ast.Return | ast.Raise | ast.Break)
