"""Mutants of modeling source: each differs from the text in one place, and only in lines that run."""

from __future__ import annotations

import ast
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from tests.bench.mutations import measure
from tests.bench.mutations.__main__ import of_files
from tests.bench.mutations.mutate import KINDS, mutants
from tests.bench.mutations.same import seen
from tests.rows import each

TEXT = '''
class Block:
    def _init_weights(self, module):
        module.weight = 7

    def forward(self, x, scale=2):
        """What it does."""
        y = x * 2.0
        z = y + 1
        if z is None or scale > 3:
            return -y
        return [z if scale else y]

    def unused(self, x):
        return x + 1
'''
RUN = {*range(6, 13)}


def test_every_kind_changes_one_thing() -> None:
    found = list(mutants(TEXT, RUN, 0))
    plain = ast.unparse(ast.parse(TEXT))
    assert {one.kind for one in found} == set(KINDS)
    assert len({one.text for one in found} | {plain}) == len(found) + 1
    assert all(one.line in RUN for one in found)
    assert not any("weight = 8" in one.text or "return x - 1" in one.text for one in found)
    changes = {(one.kind, one.before, one.after) for one in found}
    assert ("drop", "y = x * 2.0", "pass") in changes
    assert ("swap", "y = x * 2.0", "z = y + 1; y = x * 2.0") in changes
    assert ("operator", "y = x * 2.0", "y = x / 2.0") in changes
    assert ("operator", "return -y", "return +y") in changes
    assert ("constant", "y = x * 2.0", "y = x * 3.0") in changes
    assert ("branch", "return [z if scale else y]", "return [z if not scale else y]") in changes
    assert ("branch", "if z is None or scale > 3:", "if not (z is None or scale > 3):") in changes


def test_a_seed_gives_the_same_mutants() -> None:
    assert list(mutants(TEXT, RUN, 3)) == list(mutants(TEXT, RUN, 3))
    assert [one.text for one in mutants(TEXT, RUN, 3)] != [one.text for one in mutants(TEXT, RUN, 4)]


def test_what_was_dropped_is_gone_and_nothing_else() -> None:
    (dropped,) = [one for one in mutants(TEXT, {8}, 0) if one.kind == "drop"]
    assert dropped.text == ast.unparse(ast.parse(TEXT.replace("y = x * 2.0", "pass", 1)))


def test_answers_are_the_same_where_nothing_that_they_depend_on_differs(tmp_path: Path) -> None:
    checkpoint, adapter = tmp_path / "checkpoint", tmp_path / "src"
    checkpoint.mkdir()
    adapter.mkdir()
    named = {"AutoModelForCausalLM": "modeling_x.X", "AutoConfig": "configuration_x.XConfig"}
    (checkpoint / "config.json").write_text(json.dumps({"auto_map": named}))
    (checkpoint / "model.safetensors").write_bytes(b"weights")
    files = [checkpoint / "modeling_x.py", checkpoint / "configuration_x.py", adapter / "x.py"]
    for path in files:
        path.write_text("a = 1\n")
    first = seen(checkpoint, adapter)
    for path, text, same in (
        (files[0], "a = 2\n", True),  # the modeling source is asked by nobody who serves
        (files[2], "# file.py:7\na = 1\n", True),
        (files[2], "a = 2\n", False),
        (files[1], "a = 2\n", False),
        (files[1], "from .modeling_x import a\n", False),
    ):
        before = path.read_text()
        path.write_text(text)
        assert (seen(checkpoint, adapter) == first) is same, (path.name, text)
        path.write_text(before)


def test_mutants_of_several_files_each_replace_their_own(tmp_path: Path) -> None:
    for name in ("configuration_x.py", "modeling_x.py"):
        (tmp_path / name).write_text(f"def f(x):\n    return {name.partition('_')[0]} + x\n")
    found = list(of_files(tmp_path, {"configuration_x.py": [2], "modeling_x.py": [2]}, 0))
    assert {file for file, _ in found} == {"configuration_x.py", "modeling_x.py"}
    assert all(mutant.before == f"return {file.partition('_')[0]} + x" for file, mutant in found)


def answer(said: dict[str, Any]) -> None:
    os.write(1, json.dumps(said).encode())  # the descriptor: pytest has a stream of its own


def crashes(*_: Path) -> int:
    raise ZeroDivisionError


def hangs(*_: Path) -> int:
    while True:
        pass


def names_a_hole(*_: Path) -> int:
    answer({"holes": [{"what": "a rotation", "where": "modeling_x.py:3"}]})
    return 1


def refuses(*_: Path) -> int:
    answer({"holes": [], "error": {"found": "no config.json"}})
    return 2


def says_nothing(*_: Path) -> int:
    answer({"holes": []})
    return 0


def writes(_: Path, plugin: Path, python: Path) -> int:
    plugin.mkdir()
    answer({"holes": []})
    return 0


ENDS = {
    crashes: ("crash", "no answer (1)"),
    hangs: ("crash", "no answer (-27)"),
    says_nothing: ("crash", ""),
    names_a_hole: ("hole", "a rotation @ modeling_x.py:3"),
    refuses: ("hole", "no config.json"),
    writes: None,
}


@each("command", ENDS)
def test_a_crash_of_the_tool_is_no_hole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Any) -> None:
    monkeypatch.setattr(measure, "_command", command)
    monkeypatch.setattr(measure, "SECONDS", 0.05)
    ended = measure.generated(tmp_path, tmp_path / "plugin", tmp_path)
    expected = ENDS[command]
    if expected is None:
        assert ended is None
    else:
        assert ended is not None
        assert (ended["result"], expected[1] in ended["why"]) == (expected[0], True)


APART = [
    ("rounding of large logits", [[-165.0, -2.0]], [[-165.0001, -2.0]], True),
    ("as much of small ones", [[-5.0, -2.0]], [[-5.0001, -2.0]], False),
    ("the rounding of small ones", [[-5.0, -0.5]], [[-5.0, -0.500002]], True),
    ("no number behind one", [[-1.0, -2.0]], [[-1.0, math.nan]], False),
    ("no number in the reference", [[math.nan, -2.0]], [[-1.0, -2.0]], False),
    ("infinite alike", [[-math.inf, -2.0]], [[-math.inf, -2.0]], False),
]


@each(("what", "wanted", "found", "right"), APART)
def test_differences_count_by_the_size_of_the_logits(
    what: str, wanted: list[list[float]], found: list[list[float]], right: bool
) -> None:
    assert (measure.apart(wanted, found) <= measure.TOLERANCE) is right
