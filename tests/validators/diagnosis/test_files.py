"""Logs of one run: files, folders, and text of any kind."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaffold_validators.diagnosis import diagnose, diagnose_files
from scaffold_validators.diagnosis.signatures import signatures


def test_the_process_that_died_first_is_found_in_any_order_of_files(tmp_path: Path) -> None:
    first, second = tmp_path / "node1.log", tmp_path / "node0.log"
    first.write_text("(Worker_TP8 pid=9) ERROR 07-02 10:00:01 [m.py:1] OddError: the first\n")
    second.write_text("(Worker_TP0 pid=9) ERROR 07-02 10:00:05 [m.py:1] OddError: the second\n")
    for paths in ([first, second], [second, first], [tmp_path]):
        cause = diagnose_files(paths).cause
        assert cause is not None
        assert (cause.message, cause.file, cause.place) == ("the first", str(first), f"{first}:1")


def test_without_times_the_order_of_files_counts(tmp_path: Path) -> None:
    first, second = tmp_path / "a.log", tmp_path / "b.log"
    first.write_text("OddError: the first\n")
    second.write_text("(Worker_TP0 pid=9) ERROR 07-02 10:00:05 [m.py:1] OddError: the second\n")
    found = diagnose_files([first, second])
    assert found.cause is not None
    assert (found.cause.message, [finding.message for finding in found.cascade]) == ("the first", [])


def test_a_folder_has_to_have_logs(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"ERROR")
    with pytest.raises(FileNotFoundError):
        diagnose_files([tmp_path])


def test_each_kind_of_error_is_told_once_and_a_long_log_stays_short() -> None:
    lines = [f"(Worker pid={n % 7}) ERROR 07-02 10:00:01 [m.py:1] request {n} has an odd value\n" for n in range(5_000)]
    found = diagnose([*lines, "RuntimeError: NPU out of memory. Tried 1 GiB\n"])
    assert found.cause is not None
    assert (found.cause.id, found.cause.line_number) == ("npu-out-of-memory", 5_001)
    assert len(found.cascade) == 1


PIECES = [line for row in signatures() for line in row.example.splitlines()] + [
    "Traceback (most recent call last):",
    '  File "/opt/nova.py", line 3, in forward',
    "During handling of the above exception, another exception occurred:",
    "(Worker pid=1) ERROR 07-02 10:00:01 [m.py:1] Traceback (most recent call last):",
    '(APIServer pid=1) INFO:     1.1.1.1:1 - "POST /v1/completions HTTP/1.1" 200 OK',
    "",
]


@settings(max_examples=20)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=40)), max_size=30))
def test_any_text_gets_an_answer_whose_lines_are_in_it(lines: list[str]) -> None:
    text = "\n".join(lines)
    found = diagnose(text)
    assert diagnose(iter(text.splitlines(keepends=True))) == found
    count = len(text.splitlines())
    assert all(1 <= finding.line_number <= count for finding in found.findings)
    assert (found.cause is None) == (found.findings == ())
