"""Entries of real trees, taken out and put back by their codemods: the entry, its lines, near its place."""

from pathlib import Path

import pytest

from codemods import Style, find_codemod
from codemods.text.tree_style import DEFAULTS
from tests.bench.replay.lists import ASCEND, VLLM, Replayed
from tests.bench.replay.readers import Row
from tests.bench.replay.replay import Tally, replay
from tests.sampled import sampled

SAMPLE = 2
"""Entries of each list."""
FAR = 12
"""Places away from its own that an entry which is out of order may come to stand."""


def without(text: str, row: Row) -> str:
    """Take an entry's lines out."""
    lines = "".join(f"{line}\n" for line in row.lines)
    assert text.count(lines) == 1
    return text.replace(lines, "")


def put_back(tree: Path, replayed: Replayed, style: Style) -> Tally:
    """Take single entries of a list out, and have the codemod put them back."""
    text, tally = (tree / replayed.file).read_text(encoding="utf-8"), Tally()
    rows = [row for row in replayed.read(text) if row.lines[-1].rstrip().endswith((",", ")", "|", "d"))]
    usable = [row for row in rows if sum(other.key == row.key for other in rows) == 1]
    for row in usable[1 :: max(1, len(usable) // SAMPLE)][:SAMPLE]:
        replay(replayed, without(text, row), text, style, tally, row.key)
    return tally


@pytest.mark.parametrize(
    "name", sampled(["vllm-registry-entry", "vllm-config-type", "vllm-config-class", "vllm-tool-parser"], every=3)
)
def test_entries_of_vllm_are_put_back(name: str, vllm_source: Path) -> None:
    (replayed,) = (one for one in VLLM if one.codemod == name)
    tally = put_back(vllm_source, replayed, DEFAULTS["vllm"])
    assert tally.faults == []
    assert tally.added == len(tally.places) > 0
    assert sorted(tally.places)[len(tally.places) // 2] <= FAR


@pytest.mark.parametrize(
    "name",
    sampled(["ascend-model-registration", "ascend-packed-modules", "toctree-entry", "ascend-support-matrix"], every=3),
)
def test_entries_of_vllm_ascend_are_put_back(name: str, ascend_source: Path) -> None:
    (replayed,) = (one for one in ASCEND if one.codemod == name)
    tally = put_back(ascend_source, replayed, DEFAULTS["vllm-ascend"])
    assert tally.faults == []
    assert tally.added == len(tally.places) > 0


def test_a_replay_finds_what_is_wrong() -> None:
    """An entry that arguments do not say as upstream does, and one that is refused, are faults."""
    before = '_TOOL_PARSERS_TO_REGISTER = {\n    "alder": (\n        "a",\n        "B",\n    ),\n}\n'
    after = before[:-2] + '    "cedar": (\n        "c",\n        "D",\n    ),\n}\n'
    (right,) = (one for one in VLLM if one.codemod == "vllm-tool-parser")
    wrong = Replayed(right.codemod, right.file, right.read, lambda row: {**right.arguments(row), "class_name": "E"})
    refused = Replayed(right.codemod, right.file, right.read, lambda row: {**right.arguments(row), "module": "c.d"})
    for replayed, fault in ((right, None), (wrong, "the entry is ('c', 'E'), upstream's ('c', 'D')"), (refused, "c.d")):
        tally = Tally()
        replay(replayed, before, after, DEFAULTS["vllm"], tally, "x")
        assert tally.added == 1
        assert (fault is None) == (tally.faults == [])
        assert fault is None or fault in tally.faults[0]
    assert find_codemod(right.codemod).tree == "vllm"
