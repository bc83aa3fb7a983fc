"""What a server was told of its config is what its reference is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scaffold_validators.engine import Engine
from scaffold_validators.parity.judge import Answered
from scaffold_validators.parity.overrides import overrides_in
from scaffold_validators.reference.run import NoReference
from scaffold_validators.serve import ServePlan
from scaffold_validators.stages.parity import References
from scaffold_validators.stages.stage import Gate
from tests.rows import each


@each(
    ("arguments", "found"),
    [
        (["--seed", "1"], {}),
        (["--hf-overrides", '{"a": {"b": 1}}', "--seed", "1"], {"a": {"b": 1}}),
        (['--hf-overrides={"a": 1}'], {"a": 1}),
        (["--hf_overrides", '{"a": 1}'], {"a": 1}),
        (["--hf-overrides", '{"a": 1}', "--hf-overrides", '{"b": 2}'], {"b": 2}),
    ],
)
def test_the_last_one_counts_as_in_the_parser_of_vllm(arguments: list[str], found: dict[str, object]) -> None:
    assert overrides_in(arguments) == found


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--hf-overrides", "{"], "is no JSON"),
        (["--hf-overrides", "[1]"], "is no object"),
        (["--hf-overrides"], "is no JSON"),
        (["--hf-overrides.num_layers", "2"], "say it as --hf-overrides with an object"),
    ],
)
def test_what_is_not_read_is_said(arguments: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        overrides_in(arguments)


def gate(folder: Path, *extra: str) -> Gate:
    """Return a gate whose Python tells, as the reference's last words, what it was asked."""
    code = 'import json, sys; sys.exit("told " + json.dumps(json.load(sys.stdin)["overrides"]))'
    python = folder / "python"
    python.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{code}'\n")
    python.chmod(0o755)
    plan = ServePlan(Engine(python, Path("vllm.py"), None, {}, "cpu"), folder, "m", folder, extra=extra)
    return Gate(plan, False, False, {}, folder, lambda text: None)


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (("--hf-overrides", '{"head_dim": 32}'), r'told \{"head_dim": 32\}'),
        ((), r"told \{\}"),
        (("--hf-overrides.head_dim", "32"), "there is no reference: --hf-overrides.head_dim is not read here"),
    ],
)
def test_the_reference_of_a_gate_is_told(tmp_path: Path, extra: tuple[str, ...], says: str) -> None:
    with pytest.raises(NoReference, match=says):
        References(gate(tmp_path, *extra)).of((Answered((1, 2), (3,), (-1.0, -1.0)),), "float32")
