"""``python -m tests.bench.replay``: the table of docs/codemods.md."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

from codemods import Style
from codemods.text.tree_style import DEFAULTS
from tests.bench.replay.lists import ASCEND, VLLM, Replayed
from tests.bench.replay.replay import Tally, replay
from tests.lab.commands import run
from tests.lab.trees import ascend_source, vllm_lists

VLLM_RELEASES = ("0.23.0", "0.24.0", "0.25.0", "0.25.1", "0.26.0", "0.27.0", "0.27.1", "0.28.0", "0.29.0", "0.30.0")
VLLM_RELEASES += ("0.31.0", "0.32.0", "0.33.0")
ASCEND_RELEASES = ("0.13.0", "0.18.0", "0.23.0.post1", "0.26.0rc1", "0.28.0rc1", "0.30.0rc2")

State = tuple[str, str]
"""A label and a text."""


def releases(versions: tuple[str, ...], fetch: Callable[[str], Path], file: str) -> Iterator[State]:
    """Yield the texts of a file in releases that have it."""
    for version in versions:
        path = fetch(version) / file
        if path.is_file():
            yield version, path.read_text(encoding="utf-8")


def commits(repository: Path, file: str) -> Iterator[State]:
    """Yield the texts of a file, commit by commit."""
    for commit in run("git", "log", "--first-parent", "--reverse", "--format=%h", "--", file, cwd=repository).split():
        try:
            yield commit, run("git", "show", f"{commit}:{file}", cwd=repository)
        except RuntimeError:
            continue  # the commit that takes the file away


def measured(replayed: Replayed, states: list[State], style: Style) -> Tally:
    """Replay all growths of a list."""
    tally = Tally()
    for (old, before), (new, after) in pairwise(states):
        if before != after:
            replay(replayed, before, after, style, tally, f"{old}..{new}")
    return tally


def row(name: str, states: list[State], tally: Tally) -> str:
    """Return a row of the table."""
    places = sorted(tally.places)
    middle = f"{statistics.median(places):g}" if places else "–"
    near = f"{100 * sum(p <= 1 for p in places) // len(places)} %" if places else "–"
    applied = tally.entries - len({fault.split(":")[0] for fault in tally.faults if "formatter" not in fault})
    counts = f"{tally.added} | {tally.moved} | {tally.changed} | {applied} of {tally.entries} | {tally.same_lines}"
    return f"| `{name}` | {len(states)} | {counts} | {middle} | {near} |"


HEADER = """\
| list | states | added | moved | changed | right | same lines | median place | within one |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""


def main() -> None:
    """Replay and show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a part of a list's name")
    parser.add_argument("--ascend", type=Path, help="a git repository of vllm-ascend: commit by commit")
    parser.add_argument("--faults", action="store_true", help="show each fault")
    options = parser.parse_args()
    faults: list[str] = []
    print(HEADER)
    for replayed in (*VLLM, *ASCEND):
        if options.only not in replayed.codemod:
            continue
        if replayed in VLLM:
            states, style = list(releases(VLLM_RELEASES, vllm_lists, replayed.file)), DEFAULTS["vllm"]
        elif options.ascend:
            states, style = list(commits(options.ascend, replayed.file)), DEFAULTS["vllm-ascend"]
        else:
            states, style = list(releases(ASCEND_RELEASES, ascend_source, replayed.file)), DEFAULTS["vllm-ascend"]
        tally = measured(replayed, states, style)
        print(row(replayed.codemod, states, tally), flush=True)
        if tally.not_said:
            faults.append(f"{replayed.codemod}: {tally.not_said} entries cannot be said by arguments")
        faults += [f"{replayed.codemod}: {fault}" for fault in tally.faults]
    print(f"\n{len(faults)} notes")
    if options.faults:
        print("\n".join(faults))


if __name__ == "__main__":
    main()
