"""What can be replaced by assignment, and why the rest cannot: tables of decorators, names and base classes."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from codemods.refusal import Refusal
from codemods.uses.import_time import statements, uses

if TYPE_CHECKING:
    from collections.abc import Sequence

TRANSPARENT = frozenset(
    [
        "staticmethod",
        "classmethod",
        "property",
        "override",
        "final",
        "deprecated",
        "contextmanager",
        "asynccontextmanager",
        "inference_mode",
        "no_grad",
        "instrument",
        "traced",
        "with_cancellation",
        "load_aware_call",
        "with_nvml_context",
        "with_amdsmi_context",
        "enable_fake_mode",
        "dynamo_timed",
        "with_gpu_sync_check",
        "time_and_log",
    ]
)
"""Last names of decorators after which a function is called as any other: https://docs.python.org/3/library/,
https://docs.pytorch.org/docs/stable/, and those of vLLM that only call what they are given."""
CLASS_DECORATORS = frozenset(["dataclass", "final", "total_ordering", "runtime_checkable", "deprecated"])
"""Last names of decorators of classes that leave a class which others may derive from."""

_KERNEL = "a compiled kernel: it is launched by its grid, and other kernels are compiled from its source"
_CACHED = "cached: those who cleared or read its cache would miss it, and results of the original stay"
_TAKEN = "taken by pydantic when its class was made"
_ROUTE = "a route: the server keeps the original"
_ACCESSOR = "an accessor of a property"
DECORATORS = {
    **dict.fromkeys(["jit", "autotune", "heuristics", "kernel", "constexpr_function", "njit"], _KERNEL),
    **dict.fromkeys(
        ["cache", "lru_cache", "cached_property", "cached", "weak_cache", "tensor_cache", "run_once"], _CACHED
    ),
    **dict.fromkeys(["field_validator", "model_validator", "validator", "root_validator"], _TAKEN),
    **dict.fromkeys(["field_serializer", "model_serializer", "computed_field"], _TAKEN),
    **dict.fromkeys(
        ["get", "post", "put", "delete", "patch", "head", "options", "websocket", "route", "middleware"], _ROUTE
    ),
    **dict.fromkeys(["setter", "deleter", "getter"], _ACCESSOR),
    "abstractmethod": "abstract: each class has a function of its own",
    "overload": "a signature for type checkers alone",
}
"""Last name of a decorator → what the function is with it."""
NAMES = {
    "__new__": "called by the class itself, which looks it up once it is made",
    "__init_subclass__": "called when classes are made, which happened before a patch is applied",
    "__set_name__": "called when classes are made, which happened before a patch is applied",
    "__prepare__": "called when classes are made, which happened before a patch is applied",
    "__class_getitem__": "called when annotations are read, which happened before a patch is applied",
    "__get_pydantic_core_schema__": _TAKEN,
    "__get_pydantic_json_schema__": _TAKEN,
}
"""Name of a function → what it is."""
BASES = {
    "Protocol": "a protocol: the classes that follow it have functions of their own",
    "TypedDict": "a description for type checkers alone",
    **dict.fromkeys(
        ["Enum", "IntEnum", "StrEnum", "Flag", "IntFlag", "NamedTuple"], "closed: its members are of the original"
    ),
}
"""Last name of a base class → what its classes are. Methods of closed classes can be replaced, the classes cannot."""


def check(tree: ast.Module, owner: str, name: str, target: str) -> None:
    """Raise `Refusal` where replacing a function, a method or a class (``owner`` empty) has no effect or breaks."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    body = next((node.body for node in reversed(classes) if node.name == owner), None) if owner else tree.body
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = [node for node in body or [] if isinstance(node, kinds) and node.name == name]
    if body is None or not found:
        return
    node = found[-1]
    if owner:
        around = next(node for node in reversed(classes) if node.name == owner)
        _refuse(target, next((BASES[base] for base in _bases(around) if base in ("Protocol", "TypedDict")), ""))
        _refuse(target, NAMES.get(name, ""))
        if name.startswith("__") and not name.endswith("__"):
            _refuse(target, "private: its name is another outside of its class")
    if isinstance(node, ast.ClassDef):
        _check_class(node, target)
    for decorator in node.decorator_list:
        _refuse(target, _decorated(decorator, CLASS_DECORATORS if isinstance(node, ast.ClassDef) else TRANSPARENT))
    _check_rebound(body, node, target)


def aliases(tree: ast.Module, owner: str, name: str) -> list[str]:
    """Return the other names that a class's body gives a method: ``forward_hip = forward_cuda``."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == owner]
    plain = (
        (target, node.value)
        for node in (classes[-1].body if classes else [])
        if isinstance(node, ast.Assign)
        for target in node.targets
    )
    return [t.id for t, v in plain if isinstance(t, ast.Name) and isinstance(v, ast.Name) and v.id == name]


def _check_class(node: ast.ClassDef, target: str) -> None:
    _refuse(target, next((BASES[base] for base in _bases(node) if base in BASES), ""))
    if node.keywords:
        _refuse(target, "made with keywords: a subclass would be registered or checked again")
    own = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
    _refuse(target, next((f"a class with `{name}`" for name in ("__init_subclass__", "__new__") if name in own), ""))
    loads = [use for use in uses(ast.Module(node.body, []), node.name) if not use.is_at_import]
    supers = [
        part
        for part in ast.walk(node)
        if isinstance(part, ast.Call) and ast.unparse(part.func) == "super" and part.args
    ]
    if loads and supers:
        _refuse(
            target,
            f"named by its own `super({node.name}, …)` (line {supers[0].lineno}): a subclass would never get out",
        )


def _check_rebound(body: Sequence[ast.stmt], node: ast.stmt, target: str) -> None:
    name = target.rpartition(".")[2]
    for other in statements(list(body)):
        if other.lineno <= (node.end_lineno or 0):
            continue
        bound: list[str] = []
        if isinstance(other, ast.Assign | ast.AnnAssign):
            targets = other.targets if isinstance(other, ast.Assign) else [other.target]
            bound = [part.id for part in targets if isinstance(part, ast.Name)]
        elif isinstance(other, ast.Import | ast.ImportFrom):
            bound = [alias.asname or alias.name for alias in other.names]
        elif isinstance(other, ast.FunctionDef | ast.ClassDef):
            bound = [other.name]
        if name in bound:
            _refuse(target, f"given another value in line {other.lineno}")
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and isinstance(body, list):
        kept = [use for use in uses(ast.Module(list(body), []), name) if use.is_at_import and use.how != "called"]
        kept = [use for use in kept if not _is_alias_line(body, use.line, name)]
        if kept and target.split(".")[-2][:1].isupper():
            _refuse(target, f"kept by its class in line {kept[0].line} under another form")


def _is_alias_line(body: Sequence[ast.stmt], line: int, name: str) -> bool:
    return any(
        isinstance(n, ast.Assign) and n.lineno == line and isinstance(n.value, ast.Name) and n.value.id == name
        for n in body
    )


def _decorated(decorator: ast.expr, harmless: frozenset[str]) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = ast.unparse(called)
    last = name.rpartition(".")[2]
    if last in harmless:
        return ""
    return DECORATORS.get(last, f"under `@{name}`, of which it is not known whether it keeps the original")


def _bases(node: ast.ClassDef) -> list[str]:
    bases = (base.value if isinstance(base, ast.Subscript) else base for base in node.bases)
    return [ast.unparse(base).rpartition(".")[2] for base in bases]


def _refuse(target: str, what: str) -> None:
    if what:
        raise Refusal(
            f"{target.rpartition('.')[2]} is {what}",
            where=target,
            expected="a function, method or class that its callers look up when they run",
            remedy="patch the function that calls it",
        )
