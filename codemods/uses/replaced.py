"""Where a replaced function or class has to be put, so that every caller finds it; and who could not be reached."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from codemods.refusal import Refusal
from codemods.uses.early import runs_early
from codemods.uses.import_time import MAKES
from codemods.uses.importers import Binding, Found, importers, member_references, references

if TYPE_CHECKING:
    from codemods.uses.package import Package

_DECORATES = "decorates others while vLLM is imported: what it made of them stays"
_WHY = {
    "a decorator": _DECORATES,
    MAKES: _DECORATES,
    "a base class": "is a base class of others: they keep the original",
    "kept": "is kept elsewhere while vLLM is imported, in a table, a default or an object, which keeps the original",
    "called": "is called while vLLM is imported and nowhere else: a patch comes too late",
}


def holders(package: Package, module: str, path: str) -> tuple[Binding, ...]:
    """Return the bindings that have to be replaced beside ``path`` (``f``, ``Class``, ``Class.f``) of ``module``.

    Raises `Refusal` where something that is made at import keeps the original, so that replacing it does not reach
    every caller.
    """
    owner, _, member = path.rpartition(".")
    own = Binding(module, owner or member)
    bindings = importers(package, module, own.name)
    if owner:
        _refuse(package, f"{module}.{path}", member_references(package, bindings, own, member))
        return ()
    _refuse(package, f"{module}.{path}", references(package, bindings, own))
    return bindings


def _refuse(package: Package, target: str, found: list[Found]) -> None:
    early = [place for place in found if place.use.is_at_import]
    later = [place for place in found if not place.use.is_at_import and place.use.how != "called"]
    kept = [place for place in early if place.use.how != "called"]
    seen: set[Binding] = set()
    kept += [place for place in later if runs_early(package, place.module, place.use.inside, seen)]
    is_late = bool(early) and not kept and len(early) == len(found)
    if not kept and not is_late:
        return
    places = kept or early
    how = Counter(place.use.how for place in places).most_common(1)[0][0]
    where = [f"{place.path}:{place.use.line}" for place in places if place.use.how == how]
    more = f" and {len(where) - 1} more" if len(where) > 1 else ""
    raise Refusal(
        f"{target.rpartition('.')[2]} {_WHY[how]} ({where[0]}{more})",
        where=target,
        expected="a function or class whose callers look it up when they run",
        remedy="patch the function that calls it, or that place itself, by hand",
    )
