"""``scaffold diagnose`` on files and standard input."""

from __future__ import annotations

import json
from pathlib import Path

from tests.runner import invoke

FAILED = "ValueError: fp8 quantization is currently not supported in npu.\n"


def test_each_log_is_named_with_its_cause_and_the_worst_counts(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.log", tmp_path / "good.log"
    bad.write_text(FAILED)
    good.write_bytes(b"INFO fine \xff\n")
    result = invoke(["diagnose", str(bad), str(good), "--json"])
    assert result.exit_code == 1
    first, second = json.loads(result.stdout)["logs"]
    assert (first["log"], first["cause"]["id"], first["cause"]["line_number"]) == (str(bad), "fp8-unsupported", 1)
    assert (second["log"], second["cause"]) == (str(good), None)
    assert f"{bad}, line 1: fp8-unsupported: " in result.stderr
    assert f"{good}: no failure" in result.stderr


def test_standard_input_is_a_log_too() -> None:
    assert invoke(["diagnose", "-"], "INFO fine\n").exit_code == 0
    assert invoke(["diagnose", "-"], FAILED).exit_code == 1


def test_a_log_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    result = invoke(["diagnose", str(tmp_path / "none.log")])
    assert result.exit_code == 2
    assert "No such file or directory" in result.stderr
