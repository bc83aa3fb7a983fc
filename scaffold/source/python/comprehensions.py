"""Comprehensions of interpreted source, and what they make where they turn more or less often for the checkpoint."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from scaffold.source.python import repeated

if TYPE_CHECKING:
    from scaffold.source.python.scope import Scope


def list_of(scope: Scope, node: ast.ListComp) -> Any:
    """Return what ``[… for …]`` makes."""
    key = repeated.key_of(node, scope.value)
    known = scope.interpreter.long_lists.get(key) if key is not None else None
    if known is not None:
        scope.interpreter.spend(len(known))
        return list(known)
    result = _counted(scope, node, [inner.value(node.elt) for inner in _scopes(scope, node.generators)])
    if key is not None and len(result) >= repeated.LONG:
        scope.interpreter.long_lists[key] = list(result)
    return result


def generator_of(scope: Scope, node: ast.GeneratorExp) -> Any:
    """Return all that ``(… for …)`` yields."""
    return _counted(scope, node, [inner.value(node.elt) for inner in _scopes(scope, node.generators)])


def set_of(scope: Scope, node: ast.SetComp) -> Any:
    """Return what ``{… for …}`` makes."""
    return _counted(scope, node, {inner.key(node.elt) for inner in _scopes(scope, node.generators)})


def dict_of(scope: Scope, node: ast.DictComp) -> Any:
    """Return what ``{…: … for …}`` makes."""
    pairs = ((inner.key(node.key), inner.value(node.value)) for inner in _scopes(scope, node.generators))
    return _counted(scope, node, dict(pairs))


def _counted(scope: Scope, node: ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp, result: Any) -> Any:
    """Return what a comprehension made, which may have more entries for the checkpoint."""
    turned, scope.turned = scope.turned, None
    if turned is None:
        return result
    regular = len(node.generators) == 1 and not node.generators[0].ifs and not isinstance(node, ast.SetComp)
    return scope.interpreter.counted(turned, result, regular=regular)


def _scopes(scope: Scope, generators: list[ast.comprehension]) -> Iterator[Scope]:
    """Yield the scope inside for each turn."""
    inner = scope.inner()

    def nest(depth: int) -> Iterator[Scope]:
        if depth == len(generators):
            yield inner
            return
        generator = generators[depth]
        loop = inner.value(generator.iter)
        if scope.turned is None and scope.interpreter.turns(loop) is not None:
            scope.turned = loop
        for item in scope.interpreter.iterate(loop):
            scope.interpreter.step(scope.file, generator.iter)
            inner.assign(generator.target, item)
            if all(inner.truth(test) for test in generator.ifs):
                yield from nest(depth + 1)

    yield from nest(0)
