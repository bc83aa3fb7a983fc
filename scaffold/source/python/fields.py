"""The fields of dataclasses and named tuples, as their bodies and those of their ancestors list them."""

from __future__ import annotations

import ast

from scaffold.source.python.named_tuples import is_named_tuple
from scaffold.source.python.objects import SourceClass
from scaffold.source.python.syntax import SourceFile


def dataclass_fields(cls: SourceClass) -> dict[str, tuple[SourceFile, ast.expr | None]]:
    """Return the fields with the file of each and its default, in the order of Python's ``__init__``.

    None for a field without default; nothing for a class that is neither.
    """
    found: dict[str, tuple[SourceFile, ast.expr | None]] = {}
    for one in reversed(cls.ancestry):
        if isinstance(one, SourceClass) and (_is_dataclass(one) or is_named_tuple(one)):
            annotated = [statement for statement in one.node.body if isinstance(statement, ast.AnnAssign)]
            for statement in annotated:
                if isinstance(statement.target, ast.Name) and "ClassVar" not in ast.unparse(statement.annotation):
                    found[statement.target.id] = (one.file, statement.value)
    return found


def _is_dataclass(cls: SourceClass) -> bool:
    called = (one.func if isinstance(one, ast.Call) else one for one in cls.node.decorator_list)
    return any(getattr(one, "attr", None) or getattr(one, "id", "") == "dataclass" for one in called)
