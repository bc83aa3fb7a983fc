"""The first line of a commit, in the form that the repo's own history has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

CONVENTIONAL = re.compile(r"(?P<type>[a-z]+)(?P<scope>\([^()]+\))?!?: \S")
"""Conventional Commits 1.0: ``feat(models): add nova``."""
BRACKETED = re.compile(r"(?P<prefix>(?:\[[^\[\]]+\] ?)+)\S")
"""vllm-ascend's ``[Type][Module] Description`` (AGENTS.md: "Pull Request Title Format")."""
WORD = re.compile(r"\[([^\[\]]+)\]")
TYPES = frozenset(
    ("build", "chore", "ci", "doc", "docs", "feat", "feature", "fix", "model", "perf", "refactor", "revert", "style")
) | {"test", "tests"}
"""What counts as a type of Conventional Commits: other words before a colon are none."""


@dataclass(frozen=True)
class Kind:
    """What a commit brings, and how titles say so where a history says nothing else.

    Attributes:
        words: those of bracketed prefixes that say this, small.
        prefix: the default of the bracketed form.
        types: those of Conventional Commits that say this, the default first.
        scope: its default, where the repo writes scopes.
    """

    words: frozenset[str]
    prefix: str
    types: tuple[str, ...]
    scope: str


CODE = Kind(frozenset(("feature", "feat", "model", "models", "new model")), "[Feature][Model]", ("feat",), "model")
DOCUMENTS = Kind(frozenset(("doc", "docs", "test", "tests")), "[Doc][Test]", ("docs", "doc"), "")


def title(summary: str, history: Sequence[str], *, has_code: bool) -> str:
    """Return the title of a commit.

    Args:
        summary: what it does, as a sentence without a full stop.
        history: the titles of earlier commits, the newest first.
        has_code: whether it brings more than documents and tests.
    """
    kind = CODE if has_code else DOCUMENTS
    conventional = [found for found in map(CONVENTIONAL.match, history) if found and found["type"] in TYPES]
    bracketed = [found for found in map(BRACKETED.match, history) if found]
    if len(conventional) > len(bracketed):
        named = Counter(found["type"] for found in conventional if found["type"] in kind.types)
        scopes = [found["scope"][1:-1] for found in conventional if found["scope"]]
        known = Counter(scope for scope in scopes if scope.lower() in kind.words)
        is_scoped = len(scopes) * 2 > len(conventional) and kind.scope
        scope = f"({_most(known, kind.scope)})" if is_scoped else ""
        return f"{_most(named, kind.types[0])}{scope}: {summary[:1].lower()}{summary[1:]}"
    prefixes = Counter(found["prefix"].rstrip() for found in bracketed)
    fitting = {p: n for p, n in prefixes.items() if all(word.lower() in kind.words for word in WORD.findall(p))}
    return f"{_most(Counter(fitting), kind.prefix)} {summary}"


def _most(counts: Counter[str], default: str) -> str:
    """Return the most frequent word, of several the first in the alphabet."""
    return min(counts, key=lambda word: (-counts[word], word)) if counts else default
