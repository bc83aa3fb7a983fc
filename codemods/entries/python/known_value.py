"""The check that a file knows the name that an entry's value is: it is an error at import otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods.refusal import Refusal
from codemods.text.python_text import parse_tree
from codemods.uses.needed import bound

if TYPE_CHECKING:
    from codemods.entries.entry_list import Entry


def knows_value(text: str, entry: Entry) -> None:
    """Check that the top level of a file binds the name that is an entry's value. Raises `Refusal` if it does not."""
    known = set(bound(parse_tree(text, entry.key).body))
    if entry.value in known:
        return
    alike = sorted(name for name in known if name[-6:] == entry.value[-6:] and name[:1].isupper())
    raise Refusal(
        f"the file has no {entry.value}",
        where=entry.key,
        expected=f"a class that the file defines or imports, such as {', '.join(alike[:3])}"
        if alike
        else "a class that the file defines or imports",
        remedy="write or import the class first; the entry would be a NameError when vLLM is imported",
    )
