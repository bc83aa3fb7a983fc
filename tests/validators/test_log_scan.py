"""Failure signatures: every row by its own example, and what is no failure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scaffold_validators.log_scan import scan, weights_loaded
from scaffold_validators.signatures import Signature, signatures


@pytest.mark.parametrize("signature", signatures(), ids=lambda s: s.id)
def test_each_row_finds_its_example_and_no_other_row_does_before_it(signature: Signature) -> None:
    around = "".join(f"{line}\n" for line in signature.around)
    findings = scan(f"INFO starting\n{around}{signature.example}\nINFO ending\n")
    assert [(f.id, f.line_number) for f in findings] == [(signature.id, 2 + len(signature.around))]
    assert findings[0].meaning
    assert findings[0].remedy


NEAR = [signature for signature in signatures() if signature.near_miss]


@pytest.mark.parametrize("signature", NEAR, ids=lambda s: s.id)
def test_a_row_is_not_taken_for_what_only_looks_like_it(signature: Signature) -> None:
    assert signature.id not in [finding.id for finding in scan(signature.near_miss)]


def test_a_row_that_looks_at_the_whole_log_needs_all_of_it() -> None:
    (row,) = (signature for signature in signatures() if signature.id == "modelslim-name")
    assert [finding.id for finding in scan(row.example)] != ["modelslim-name"]
    assert not replace(row, unless=("healthy",)).fits("\n".join([*row.around, "healthy"]))


def test_a_failure_that_nobody_knows_is_one_all_the_same() -> None:
    (finding,) = scan("INFO fine\nTraceback (most recent call last):\n  File ...\nOddError: what\n")
    assert (finding.id, finding.line_number) == ("unknown", 2)


def test_the_traceback_around_a_known_failure_is_no_second_one() -> None:
    log = "Traceback (most recent call last):\nValueError: fp8 quantization is currently not supported in npu.\n"
    assert [f.id for f in scan(log)] == ["fp8-unsupported"]


def test_a_clean_log_has_none() -> None:
    log = (
        "INFO 11-24 10:00:00 [core.py:1] Initializing a V1 LLM engine with config: enforce_eager=True\n"
        "WARNING 11-24 10:00:01 [x.py:2] Model has no errors='strict' setting\n"
        'INFO:     127.0.0.1:1 - "GET /v1/models HTTP/1.1" 200 OK\n'
        "WARNING [ops.py:1] Failed to import from vllm._C with ModuleNotFoundError(\"No module named 'vllm._C'\")\n"
        "WARNING [registry.py:1] Model architecture NovaForCausalLM is already registered, and will be overwritten\n"
        "[rank3]:[W] Warning: Waiting for pending NCCL work to finish before starting graph capture.\n"
        "INFO [shm.py:1] No available shared memory broadcast block found in 60 seconds.\n"
        "INFO [worker.py:1] Available KV cache memory: 12.50 GiB\n"
    )
    assert scan(log) == ()


def test_loaded_weights_leave_a_line() -> None:
    line = "INFO 11-24 10:00:00 [default_loader.py:1] Loading weights took 0.05 seconds"
    assert weights_loaded(f"x\n{line}\ny") == line
    assert weights_loaded("INFO Using dummy weights") is None
