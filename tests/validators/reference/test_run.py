"""The reference's process: its answer is checked, its end is told, its limit holds."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from scaffold_validators.parity.judge import EXACT
from scaffold_validators.reference.dequantise import dequantisation_of
from scaffold_validators.reference.run import NoReference, Reference, run_reference

ECHO = """
import json, sys
asked = json.load(sys.stdin)
row = lambda tokens: {"logprobs": [-1.0] * (len(tokens) - 1), "best": tokens[1:], "margins": [2.0] * (len(tokens) - 1)}
print("noise of a library")
print(json.dumps({dtype: [row(tokens) for tokens in asked["sequences"]] for dtype in asked["dtypes"]}))
print(json.dumps(asked["dequantise"]), file=sys.stderr)
"""


def python(folder: Path, code: str) -> Path:
    """Return a Python that runs this code, whatever script it is given."""
    (folder / "code.py").write_text(code)
    path = folder / "python"
    path.write_text(f"#!/bin/sh\nexec {sys.executable} {folder / 'code.py'}\n")
    path.chmod(0o755)
    return path


def test_float32_is_always_among_the_dtypes(tmp_path: Path) -> None:
    found = run_reference(Reference(python(tmp_path, ECHO), tmp_path), [(3, 4, 5)], ("bfloat16",))
    assert list(found) == [EXACT, "bfloat16"]
    assert found[EXACT][0].best == (4, 5)
    assert list(run_reference(Reference(python(tmp_path, ECHO), tmp_path), [(3, 4)], (EXACT,))) == [EXACT]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise SystemExit('MemoryError: no room')", "ended with 1: MemoryError: no room"),
        ("print('fine')", "answered something else"),
        ("print('{\"float32\": []}')", "answered something else"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended with -9"),
    ],
    ids=["error", "no JSON", "a dtype is missing", "killed"],
)
def test_any_other_end_is_no_reference(tmp_path: Path, code: str, says: str) -> None:
    with pytest.raises(NoReference, match=says):
        run_reference(Reference(python(tmp_path, code), tmp_path), [(3, 4)], ("bfloat16",))


def test_it_is_ended_at_its_limit(tmp_path: Path) -> None:
    started = time.monotonic()
    slow = python(tmp_path, "import time; time.sleep(600)")
    with pytest.raises(NoReference, match="was not done in 0 s"):
        run_reference(Reference(slow, tmp_path, seconds=0.2), [(3, 4)], ())
    assert time.monotonic() - started < 300


def test_only_known_methods_are_dequantised() -> None:
    found = dequantisation_of("fp8")
    assert found is not None
    assert found.how == "blocks"
    assert dequantisation_of("awq") is None


def test_it_is_told_what_the_server_was_told_of_the_config(tmp_path: Path) -> None:
    told = 'import json, sys; sys.exit("told " + json.dumps(json.load(sys.stdin)["overrides"]))'
    reference = Reference(python(tmp_path, told), tmp_path, overrides={"head_dim": 32})
    with pytest.raises(NoReference, match=r'told \{"head_dim": 32\}'):
        run_reference(reference, [(3, 4)], ())
