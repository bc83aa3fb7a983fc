"""Arguments are bound to parameters as Python binds them."""

from __future__ import annotations

import ast
import inspect
from typing import Any

from scaffold.source.python.binding import bind
from tests.rows import each

SIGNATURES = (
    "a, b=2",
    "a, /, b, *, c",
    "a, *rest",
    "a=1, *rest, b=2, **more",
    "*, a, b=3",
    "**more",
    "a, b, c=3, *, d=4, e",
)
CALLS: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...] = (
    ((), {}),
    ((10,), {}),
    ((10, 20), {}),
    ((10, 20, 30, 40), {}),
    ((10,), {"b": 20}),
    ((), {"a": 10, "c": 30}),
    ((10, 20), {"c": 30, "e": 50}),
    ((), {"other": 1}),
)


@each("signature", SIGNATURES)
@each(("positional", "named"), CALLS)
def test_binding_is_that_of_python(signature: str, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
    scope: dict[str, Any] = {}
    exec(f"def f({signature}): ...", scope)
    node = ast.parse(f"def f({signature}): ...").body[0]
    assert isinstance(node, ast.FunctionDef)
    found = bind(node.args, positional, named)
    fits = not found.missing and not found.unexpected and not found.surplus
    try:
        wanted = inspect.signature(scope["f"]).bind(*positional, **named)
    except TypeError:
        assert not fits
        return
    wanted.apply_defaults()
    assert fits
    assert found.values | {k: ast.literal_eval(v) for k, v in found.defaults.items()} == wanted.arguments


def test_what_does_not_fit_is_named() -> None:
    node = ast.parse("def f(a, *, b): ...").body[0]
    assert isinstance(node, ast.FunctionDef)
    found = bind(node.args, (1, 2, 3), {"c": 4})
    assert (found.missing, found.unexpected, found.surplus) == (("b",), ("c",), 2)
