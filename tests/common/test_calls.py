"""Calls that errors and documents name can be pasted."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from scaffold.common.calls import calls_for
from tests.cli.calls import check_call


@pytest.mark.parametrize("folder", ["Nova-7B", "my nova", "模型", "it's"])
def test_a_call_can_be_pasted(tmp_path: Path, folder: str) -> None:
    checkpoint = tmp_path / folder
    words = shlex.split(calls_for("Nova-7B", str(checkpoint), tmp_path).to("validate", "--stage", "real"))
    assert words[:5] == ["scaffold", "validate", str(checkpoint), "--stage", "real"]
    assert ("--name" in words) is (folder != "Nova-7B")
    assert words[-2:] == ["--work", str(tmp_path)]
    check_call(words)


def test_what_goes_without_saying_is_not_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert calls_for("Nova-7B", "/models/Nova-7B", tmp_path).to("commit") == "scaffold commit /models/Nova-7B"
    assert calls_for("Nova-7B", "/models/Nova-7B").to("commit") == "scaffold commit /models/Nova-7B"
