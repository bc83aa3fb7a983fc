"""The words of the page in all languages: its own, and those that the report's other renderings have too."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from scaffold.common.tables import read_table
from scaffold.report import wording
from scaffold.report.layers import Told

FILE = Path(__file__).parent / "words.yaml"
GROUPS = (
    "outcome", "stage", "state", "shown", "role", "subject", "limit", "strategy", "placement", "feature", "ladder",
    "kernel", "point",
)  # fmt: skip
"""Sections of the report's words that name rows of tables; ``<section>.<row>`` here."""
SENTENCES = ("start_stale", "start_failed", "start_dummy", "redacted", "stand_ins")
"""Of the section ``text``, what is said of a command; ``text.<key>`` here."""
Texts = Mapping[str, str]
"""Language → text."""


@cache
def words() -> Mapping[str, Texts]:
    """Return key → language → text."""
    found: dict[str, Texts] = dict(read_table(FILE))
    for group in (*GROUPS, "text"):
        tables = {language: wording.words(language).sections[group] for language in wording.LANGUAGES}
        for row in SENTENCES if group == "text" else tables[wording.LANGUAGES[0]]:
            found[f"{group}.{row}"] = {language: _plain(str(table[row])) for language, table in tables.items()}
    return found


def fact_name(fact: Told) -> Texts:
    """Return what a fact of a model is called, and of which layers it is told."""
    return {language: wording.words(language).fact(fact.name, fact.layers, str) for language in wording.LANGUAGES}


def told(sentence: str) -> Texts:
    """Return a sentence of this tool's own, where a language has words for it; else it stands as it is."""
    return {language: wording.words(language).said(sentence, str) or sentence for language in wording.LANGUAGES}


def _plain(markdown: str) -> str:
    return markdown.replace("`", "")
