"""The signatures as a page for people: ``python -m scaffold_validators.diagnosis.document > docs/signatures.md``."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter

from scaffold_validators.diagnosis.signatures import Signature, signatures

HEAD = """# Failure signatures

What `scaffold diagnose` and the gates know, by area, made from the files of
`validators/scaffold_validators/diagnosis/signatures/` (`python -m scaffold_validators.diagnosis.document`).
How they are used: [diagnosis.md](diagnosis.md). *Family* marks rows that are meant only where no other row is, *waits*
those of a process that waited for another one.
"""


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for area, rows in groupby(signatures(), key=attrgetter("area")):
        parts += [
            "",
            f"## {area.capitalize()}",
            "",
            "| id | kind | meaning | what to do |",
            "| --- | --- | --- | --- |",
        ]
        parts += [f"| {_name(row)} | {row.kind.value} | {_cell(row.meaning)} | {_cell(row.remedy)} |" for row in rows]
    return "\n".join(parts) + "\n"


def _name(row: Signature) -> str:
    marks = [word for word, holds in (("family", row.general), ("waits", row.waits)) if holds]
    return row.id + "".join(f", *{mark}*" for mark in marks)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("__", "\\_\\_")


if __name__ == "__main__":
    print(page(), end="")
