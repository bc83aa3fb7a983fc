"""Which evidence lets a commit be made."""

from __future__ import annotations

import pytest

from scaffold.common.errors import CheckFailed
from scaffold_validators.verdict import Verdict
from tests.rows import each
from tests.verdicts import check_sign_off, make_verdict

NOW = {"tree": "t1", "checkpoint": "c1"}


def verdict(stage: str, outcome: str = "passed", device: str = "npu", **digests: str) -> Verdict:
    return make_verdict(stage, outcome, device=device, digests={**NOW, **digests})


@each(
    ("verdicts", "accepted"),
    [
        ([verdict("real"), verdict("parity")], "npu"),
        ([verdict("dummy"), verdict("real"), verdict("parity")], "npu"),
        ([verdict("real", device="cpu"), verdict("parity", device="cpu")], "cpu"),
        ([verdict("real", "request-failed", tree="t0"), verdict("real"), verdict("parity")], "npu"),
        ([verdict("dummy", "request-failed"), verdict("real"), verdict("parity")], "npu"),
        ([verdict("twin"), verdict("real"), verdict("slice")], "npu"),
        ([verdict("twin", device="cpu"), verdict("real"), verdict("slice")], "npu"),
        ([verdict("twin"), verdict("real"), verdict("parity", "no-reference"), verdict("slice")], "npu"),
    ],
)
def test_suffices(verdicts: list[Verdict], accepted: str) -> None:
    check_sign_off(verdicts, NOW, accepted)


@each(
    ("verdicts", "accepted", "says"),
    [
        ([], "npu", "has not been run"),
        ([verdict("dummy")], "npu", "has not been run"),
        ([verdict("real", tree="t0")], "npu", "another state"),
        ([verdict("real", checkpoint="c0")], "npu", "another state"),
        ([verdict("real", "request-failed")], "npu", "ended as failed"),
        ([verdict("real", "false-ready")], "npu", "ended as false-ready"),
        ([verdict("real"), verdict("parity", "wrong-output")], "npu", "stage parity ended as failed"),
        ([verdict("twin", "wrong-output"), verdict("real")], "npu", "stage twin ended as failed"),
        ([verdict("real", device="cpu")], "npu", "--accept-device cpu"),
        ([verdict("real")], "npu", "parity with the reference was not shown"),
        ([verdict("real"), verdict("twin")], "npu", "parity with the reference was not shown"),
        ([verdict("real"), verdict("slice")], "npu", "parity with the reference was not shown"),
        ([verdict("real"), verdict("twin", checkpoint="c0"), verdict("slice")], "npu", "was not shown"),
        (
            [verdict("real"), verdict("parity", device="cpu")],
            "npu",
            "was shown on the device 'cpu' only.*--accept-device",
        ),
        (
            [verdict("real"), verdict("twin"), verdict("slice", device="cpu")],
            "npu",
            "was shown on the device 'cpu' only",
        ),
        ([verdict("real"), verdict("slice", device="cpu")], "npu", "was not shown; stage slice: why"),
        ([verdict("real"), verdict("parity", "no-reference")], "npu", "was not shown; stage parity: why"),
    ],
)
def test_does_not_suffice(verdicts: list[Verdict], accepted: str, says: str) -> None:
    with pytest.raises(CheckFailed, match=says):
        check_sign_off(verdicts, NOW, accepted)


def test_what_to_do_about_a_failure_is_what_its_verdict_says() -> None:
    stopped = make_verdict("static", "stopped", digests=NOW, next_step="serve with the release that it is made for")
    with pytest.raises(CheckFailed, match=r"made for; then run the stage again$"):
        check_sign_off([verdict("real"), verdict("parity"), stopped], NOW)
    with pytest.raises(CheckFailed, match="correct the adapter; then run the stage again"):
        check_sign_off([verdict("real", "request-failed")], NOW)


def test_a_reason_stands_in_for_parity_that_was_not_shown() -> None:
    check_sign_off([verdict("real")], NOW, without_parity="no reference on this machine")
    check_sign_off([verdict("real"), verdict("parity", "no-reference")], NOW, without_parity="why")


@pytest.mark.parametrize("stage", ["twin", "parity", "slice"])
def test_no_reason_excuses_a_stage_that_failed(stage: str) -> None:
    with pytest.raises(CheckFailed, match=f"stage {stage} ended as failed"):
        check_sign_off([verdict("real"), verdict(stage, "wrong-output")], NOW, without_parity="why")


def test_no_reason_stands_in_for_stage_real() -> None:
    with pytest.raises(CheckFailed, match="stage real has not been run"):
        check_sign_off([verdict("twin"), verdict("slice")], NOW, without_parity="why")
