"""``scaffold diagnose`` on files, folders and standard input."""

from __future__ import annotations

import json
from pathlib import Path

from tests.runner import invoke

FAILED = "ValueError: fp8 quantization is currently not supported in npu.\n"


def test_each_log_is_named_with_its_cause_and_the_worst_counts(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.log", tmp_path / "good.log"
    bad.write_text(FAILED)
    good.write_bytes(b"INFO fine \xff\n")
    result = invoke(["diagnose", "--each", str(bad), str(good), "--json"])
    assert result.exit_code == 1
    first, second = json.loads(result.stdout)["logs"]
    assert (first["log"], first["cause"]["id"], first["cause"]["line_number"]) == (str(bad), "fp8-unsupported", 1)
    assert first["cause"]["kind"] == "checkpoint"
    assert (second["log"], second["cause"]) == (str(good), None)
    assert f"{bad}:1: fp8-unsupported (checkpoint): " in result.stderr
    assert f"{good}: no failure" in result.stderr


def test_what_a_server_outlived_is_listed_and_is_no_failure() -> None:
    said = "(EngineCore pid=5) ERROR 07-02 20:39:50 [nova.py:1] the table of novas is not there\n"
    result = invoke(["diagnose", "-", "--json"], said + "(APIServer pid=1) INFO:     Application startup complete.\n")
    assert result.exit_code == 0
    (run,) = json.loads(result.stdout)["logs"]
    assert (run["cause"], [finding["line_number"] for finding in run["survived"]]) == (None, [1])
    assert "no failure\n  outlived standard input:1: unknown: the table of novas" in result.stderr


def test_several_logs_are_one_run_in_the_order_of_time(tmp_path: Path) -> None:
    server, plog = tmp_path / "serve.log", tmp_path / "plog"
    plog.mkdir()
    server.write_text(
        "(EngineCore pid=7) ERROR 04-17 09:16:41 [core.py:1] RuntimeError: ACL stream synchronize failed\n"
    )
    (plog / "plog-7_1.log").write_text(
        "[ERROR] RUNTIME(7,python3):2026-04-17-09:16:39.992.922 [davinci_kernel_task.cc:1]8 PrintErrorInfo: "
        "Aicore kernel execute failed, fault kernel_name=nova_kernel\n"
    )
    result = invoke(["diagnose", str(server), str(plog), "--json"])
    assert result.exit_code == 1
    (run,) = json.loads(result.stdout)["logs"]
    assert (run["cause"]["id"], run["cause"]["file"]) == ("kernel-exception", str(plog / "plog-7_1.log"))
    assert [finding["id"] for finding in run["cascade"]] == ["stream-synchronise"]


def test_standard_input_is_a_log_too() -> None:
    assert invoke(["diagnose", "-"], "INFO fine\n").exit_code == 0
    assert invoke(["diagnose", "-"], FAILED).exit_code == 1


def test_nothing_that_came_in_is_an_error_and_no_health(tmp_path: Path) -> None:
    result = invoke(["diagnose", "-"], "")
    assert result.exit_code == 2
    assert "docker logs NAME 2>&1" in result.stderr
    packed = tmp_path / "serve.zip"
    packed.write_bytes(b"PK\x03\x04")
    result = invoke(["diagnose", str(packed)])
    assert result.exit_code == 2
    assert f"{packed}" in result.stderr
    assert "an archive (zip)" in result.stderr


def test_what_is_allowed_is_no_failure_and_on_record() -> None:
    result = invoke(["diagnose", "-", "--allow", "fp8-unsupported", "--json"], FAILED)
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["allow"] == ["fp8-unsupported"]
    assert document["logs"][0]["harmless"] == ["fp8-unsupported"]


def test_only_what_is_known_can_be_allowed() -> None:
    result = invoke(["diagnose", "-", "--allow", "novel"], FAILED)
    assert result.exit_code == 2
    assert "novel" in result.stderr


def test_an_unknown_failure_names_the_lines_to_read() -> None:
    log = "INFO up\n(Worker pid=3) Traceback (most recent call last):\n(Worker pid=3) OddError: what\n"
    result = invoke(["diagnose", "-"], log)
    assert result.exit_code == 1
    assert "standard input:3: unknown" in result.stdout
    assert "| standard input:2: (Worker pid=3) Traceback (most recent call last):" in result.stdout


def test_a_log_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    result = invoke(["diagnose", str(tmp_path / "none.log")])
    assert result.exit_code == 2
    assert "No such file or directory" in result.stderr


def test_a_folder_without_logs_is_an_error(tmp_path: Path) -> None:
    result = invoke(["diagnose", str(tmp_path)])
    assert result.exit_code == 2
    assert "no file with .log" in result.stderr
