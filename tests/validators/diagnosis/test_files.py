"""Logs of one run: files, folders, and text of any kind."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
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


FAILED = b"(Worker_TP0 pid=9) ERROR 07-02 10:00:05 [m.py:1] OddError: the one\n"


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=lambda pack: pack.__module__)
def test_a_log_that_was_packed_is_read(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "serve.log.2.gz"
    path.write_bytes(pack(b"INFO fine\n" * 1000 + FAILED))
    for paths in ([path], [tmp_path]):
        cause = diagnose_files(paths).cause
        assert cause is not None
        assert (cause.message, cause.line_number) == ("the one", 1001)
    path.write_bytes(pack(FAILED * 1000)[:-9])
    with pytest.raises(OSError, match="cannot be unpacked to its end"):
        diagnose_files([path])


@pytest.mark.parametrize("name", ["serve.log.1", "stderr", "vllm_serve_log", "worker-1f.out", "server.log-20260702"])
def test_a_folder_s_logs_are_found_by_their_names(name: str, tmp_path: Path) -> None:
    (tmp_path / "other.log").write_text("INFO fine\n")
    (tmp_path / name).write_bytes(FAILED)
    cause = diagnose_files([tmp_path]).cause
    assert cause is not None
    assert cause.file == str(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty"),
        (b"PK\x03\x04" + FAILED, "zip"),
        (b"\x28\xb5\x2f\xfd" + FAILED, "zstd"),
        (b"\x89PNG" + FAILED, "picture"),
        (b"serve.log".ljust(257, b"\x00") + b"ustar" + FAILED, "tar"),
    ],
    ids=["empty", "zip", "zstd", "picture", "tar"],
)
def test_what_is_no_log_is_never_called_healthy(content: bytes, what: str, tmp_path: Path) -> None:
    path = tmp_path / "serve.log"
    path.write_bytes(content)
    for paths in ([path], [tmp_path]):
        with pytest.raises(OSError, match=what):
            diagnose_files(paths)


def test_an_empty_file_beside_others_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "plog-1.log").write_bytes(b"")
    (tmp_path / "plog-2.log").write_text("INFO fine\n")
    assert diagnose_files([tmp_path]).cause is None


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
