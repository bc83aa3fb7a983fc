"""Rules written as Python: a reader sees the calls of `Scope`, and running them gives the same rules."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given

from scaffold.checkpoint.read import read_checkpoint
from scaffold.testing import strategies
from scaffold.weights import Part, Rule, WeightMap, Whole
from scaffold.weights.written import test_file as written
from tests.drawn import examples
from tests.lab.checkpoints import checkpoint
from tests.sampled import costly, sampled
from tests.weights.by_hand import MODELS
from tests.weights.generated import ROWS, read, rules


def run(text: str, path: Path) -> WeightMap:
    path.write_text(text)
    found = runpy.run_path(str(path))["weight_map"]()
    assert isinstance(found, WeightMap)
    return found


@pytest.mark.parametrize("row", sampled(MODELS, every=3))
def test_rules_by_hand_come_back(row: str, tmp_path: Path) -> None:
    weight_map = MODELS[row](read_checkpoint(checkpoint(row)).config)
    text = written(weight_map, "Some")
    assert run(text, tmp_path / "rules.py") == weight_map
    assert "Rule(" not in text  # each is a call that a reader knows from the docs


@pytest.mark.parametrize("row", sampled(ROWS))
def test_derived_rules_come_back(row: str, tmp_path: Path) -> None:
    weight_map = rules(read(row, tmp_path))
    text = written(weight_map, "Some")
    assert run(text, tmp_path / "rules.py") == weight_map
    assert "Rule(" not in text


@examples(10, HealthCheck.nested_given)
@given(strategies.weight_maps())
def test_any_rules_come_back(tmp_path_factory: pytest.TempPathFactory, case: tuple[WeightMap, int]) -> None:
    assert run(written(case[0], "Some"), tmp_path_factory.mktemp("w") / "rules.py") == case[0]


def test_a_rule_that_no_call_makes_is_written_as_it_is(tmp_path: Path) -> None:
    odd = Rule("a", "b", (4, 2), (Part(0, 1, Whole()), Part(1, 3, Whole())))
    text = written(WeightMap((odd,)), "Some")
    assert "Rule(" in text
    assert run(text, tmp_path / "rules.py") == WeightMap((odd,))


@costly
def test_the_file_is_a_test_file(tmp_path: Path) -> None:
    """It runs by itself, in seconds, and fails for a checkpoint that lacks a tensor."""
    found = read("nova", tmp_path)
    file = tmp_path / "test_nova_weights.py"
    file.write_text(written(rules(found), found.architecture))

    def pytest_says(path: Path) -> tuple[int, str]:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
        alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # plugins of ours take longer than the tests
        environment = {**os.environ, **alone, "SCAFFOLD_CHECKPOINT": str(path)}
        result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return result.returncode, result.stdout

    code, said = pytest_says(found.path)
    assert (code, "5 passed" in said) == (0, True)
    code, said = pytest_says(checkpoint("qwen3"))
    assert code == 1
    assert "missing" in said
    assert "1 failed, 4 passed" in said
