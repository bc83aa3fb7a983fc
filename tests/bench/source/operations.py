"""Single operations: each that the interpreter knows has a case, and each case is run by a release's own libraries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scaffold.source.python.errors import NotUnderstood
from tests.bench.source.earlier import Release, release_of
from tests.lab.engine import engine
from tests.source.known import known, without_case
from tests.source.torch import test_torch_ops as torch_cases
from tests.source.transformers import cases as library_cases

WORDS = ("agrees", "hole", "differs", "unknown")
"""How a case ends: ``unknown`` is one that the release does not know."""
HEAD = """
## Single operations

Written by `make bench-source PYTHONS="<python with transformers 4.44> <…>"`: functions of
`tests/source/torch/torch_cases.py` and `tests/source/transformers/library_cases.py`, run by the interpreter and by the
libraries of the environment that has a release of transformers, on the same numbers. *Not there* are cases that call
what a release does not have.

| transformers | cases of | agree | holes | differ | not there |
| --- | --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Cases:
    """How the cases of a library end with a release."""

    release: str
    library: str
    ends: tuple[tuple[str, str, str], ...]
    """Case, word and why."""

    @property
    def line(self) -> str:
        """Return a row of the table."""
        counts = Counter(word for _, word, _ in self.ends)
        return f"| {self.release} | {self.library} | {' | '.join(str(counts[word]) for word in WORDS)} |"

    @property
    def told(self) -> list[str]:
        """Return what does not agree, a line each."""
        rows = [row for row in self.ends if row[1] in ("hole", "differs")]
        return [f"- {self.release}, {name}: {word}{why and ', ' + why}" for name, word, why in rows]

    @property
    def is_wrong(self) -> bool:
        """Return whether the interpreter computes something else."""
        return any(word == "differs" for _, word, _ in self.ends)


def measure(pythons: Sequence[str]) -> Iterator[Cases]:
    """Yield the cases of PyTorch with the engine's, then those of transformers with the engine's release and others."""
    releases = [*map(release_of, (engine().python, *map(Path, pythons)))]
    yield Cases(releases[0].version, "torch, einops, NumPy", tuple(_of_torch(releases[0])))
    for release in releases:
        found = library_cases.compared(release.python, engine().transformers, release.version)
        yield Cases(release.version, "transformers", tuple(found))


def _of_torch(release: Release) -> Iterator[tuple[str, str, str]]:
    wanted = torch_cases.pytorch(release.python)
    for name in torch_cases.NAMES:
        try:
            same = torch_cases.alike(torch_cases.interpreted(name), wanted[name])
            yield name, "agrees" if same else "differs", ""
        except NotUnderstood as hole:
            yield name, "hole", str(hole)


def said() -> str:
    """Return how many names are known, and which of them no case has."""
    names, missing = known(), without_case()
    counted = ", ".join(f"{len(found)} of {library}" for library, found in names.items())
    without = ", ".join(name for found in missing.values() for name in found)
    return f"Names that the interpreter knows: {counted}. Without a case: {without or 'none'}."
