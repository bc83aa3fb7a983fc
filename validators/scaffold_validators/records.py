"""Typed records to JSON and back: a version, a digest, and one clear error for a file that does not fit.

A file holds one object: ``record`` (the kind), ``version``, ``sha256`` (of the other three, as `_digest` says) and
``content``, whose fields are those of a dataclass. The digest finds what was changed since; it is no signature.
"""

from __future__ import annotations

import collections.abc
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import GenericAlias
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, get_args, get_origin

from scaffold_validators.problem import Problem

if TYPE_CHECKING:
    from cattrs import Converter

R = TypeVar("R")
T = TypeVar("T")
EXACT: dict[type, tuple[type, ...]] = {str: (str,), bool: (bool,), int: (int,), float: (float, int)}
"""Field type → the types that JSON may give for it: a text of digits is no number, and ``true`` is not 1."""


@dataclass(frozen=True)
class Kind(Generic[R]):
    """A kind of record.

    Attributes:
        name: what it is called in its file and in errors.
        version: of its fields; a change of them raises it.
        type: its dataclass.
        remedy: what makes a new one.
    """

    name: str
    version: int
    type: type[R]
    remedy: str


class _Unfit(Exception):  # noqa: N818 - never seen outside of this file
    """What does not fit, and where in the file: a path of names, empty for the file as a whole."""

    def __init__(self, found: str, expected: str, field: str = "") -> None:
        super().__init__(found)
        self.found, self.expected, self.field = found, expected, field


def dump(kind: Kind[R], record: R) -> str:
    """Return a record as the text of its file.

    Raises:
        ValueError: JSON has no such number, as NaN.
    """
    content = unstructure(record)
    head = {"record": kind.name, "version": kind.version}
    text = json.dumps(
        {**head, "sha256": _digest({**head, "content": content}), "content": content},
        indent=2,
        ensure_ascii=False,
        allow_nan=False,
    )
    # A file name that is no UTF-8 has half a surrogate pair in Python, and an escape of it in JSON
    return text.encode("utf-8", "backslashreplace").decode() + "\n"


def load(kind: Kind[R], path: Path) -> R:
    """Read a record from its file.

    Raises:
        Problem: it cannot be read, is no JSON, of another kind or version, or was changed (exit code 2).
    """
    try:
        return parse(kind, path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise _problem(kind, str(path), _Unfit(str(error), "a file that can be read")) from error


def parse(kind: Kind[R], text: str, where: str) -> R:
    """Read a record from the text of a file; ``where`` names the file in errors.

    Raises:
        Problem: as `load`.
    """
    try:
        document = _document(text)
        _check_head(kind, document)
        record = structure(document["content"], kind.type, "content")
        if document["sha256"] != _digest({name: document[name] for name in ("record", "version", "content")}):
            raise _Unfit("text other than what was written", "the text that its digest belongs to", "sha256")
    except _Unfit as unfit:
        raise _problem(kind, where, unfit) from unfit
    except ValueError as error:
        raise _problem(kind, where, _Unfit(str(error), "a record that fits")) from error
    return record


def structure(value: Any, type_: type[T], name: str) -> T:
    """Return what JSON has as a value of a type, all of whose fields are there and of their types.

    Raises:
        ValueError: it does not fit; the message names the fields, as ``name.field``.
    """
    from cattrs import transform_error
    from cattrs.errors import BaseValidationError

    try:
        return _converter().structure(value, type_)
    except BaseValidationError as error:
        raise ValueError("; ".join(transform_error(error, name, _say))) from error
    except (TypeError, AttributeError, LookupError) as error:
        raise ValueError(f"{error} @ {name}") from error


def last_line(text: str, type_: type[T], name: str) -> T:
    """Return the JSON in the last line of what a process printed as a value of a type.

    Raises:
        ValueError: there is none, or it does not fit.
    """
    lines = text.splitlines()
    if not lines:
        raise ValueError("nothing was printed")
    return structure(json.loads(lines[-1]), type_, name)


def unstructure(value: Any) -> Any:
    """Return a value in the form that JSON has for it."""
    return _converter().unstructure(value)


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise _Unfit(f"broken JSON ({error})", "JSON") from error
    if not isinstance(document, dict):
        raise _Unfit(f"a {type(document).__name__}", "an object")
    return document


def _check_head(kind: Kind[Any], document: Mapping[str, Any]) -> None:
    for name in ("record", "version", "sha256", "content"):
        if name not in document:
            raise _Unfit("nothing", "a value", name)
    extra = sorted(set(document) - {"record", "version", "sha256", "content"})
    if extra:
        raise _Unfit("a field that it does not have", "no such field", extra[0])
    if document["record"] != kind.name:
        raise _Unfit(repr(document["record"]), repr(kind.name), "record")
    version = document["version"]
    if type(version) is not int or version < 1:
        raise _Unfit(repr(version), "a whole number", "version")
    if version != kind.version:
        made_by = "a newer" if version > kind.version else "an older"
        raise _Unfit(f"{version}, of {made_by} version of this tool", str(kind.version), "version")


def _digest(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the shortest ASCII JSON with sorted names."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _problem(kind: Kind[Any], where: str, unfit: _Unfit) -> Problem:
    return Problem(
        unfit.found,
        where=f"{where}, field {unfit.field}" if unfit.field else where,
        expected=f"{unfit.expected}, in a record of the kind {kind.name!r}",
        remedy=kind.remedy,
        exit_code=2,
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name that one object has twice")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _say(error: BaseException, type_: type[Any] | None) -> str:
    """Return what is wrong with one value: its place is added by cattrs."""
    from cattrs.v import format_exception

    return str(error) if isinstance(error, ValueError) else format_exception(error, type_)


def _exact(value: Any, type_: type[T]) -> T:
    if type(value) not in EXACT[type_]:
        raise ValueError(f"found {value!r:.80}, expected {type_.__name__}")
    return type_(value)  # type: ignore[call-arg]


def _tuple(value: Any, type_: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f"found {value!r:.80}, expected a list")
    as_list: Any = GenericAlias(list, get_args(type_)[:1])
    return tuple(_converter().structure(value, as_list))


def _is_tuple(type_: Any) -> bool:
    return get_origin(type_) is tuple and len(get_args(type_)) == 2 and get_args(type_)[1] is ...


def _mapping(value: Any, type_: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"found {value!r:.80}, expected an object")
    as_dict: Any = GenericAlias(dict, (str, get_args(type_)[1]))
    return dict(_converter().structure(value, as_dict))


def _is_mapping(type_: Any) -> bool:
    return get_origin(type_) is collections.abc.Mapping


@cache
def _converter() -> Converter:
    """Return what converts, made when something is converted: most commands read and write no record."""
    from cattrs import Converter

    made = Converter(forbid_extra_keys=True)
    for type_ in EXACT:
        made.register_structure_hook(type_, _exact)
    made.register_structure_hook_func(_is_tuple, _tuple)
    made.register_structure_hook_func(_is_mapping, _mapping)
    return made
