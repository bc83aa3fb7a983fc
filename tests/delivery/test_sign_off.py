"""Which evidence lets a commit be made."""

from __future__ import annotations

import pytest

from scaffold.common.errors import CheckFailed
from scaffold.delivery.sign_off import check_sign_off
from scaffold_validators.verdict import Verdict
from tests.verdicts import make_verdict

NOW = {"tree": "t1", "checkpoint": "c1"}


def verdict(stage: str, outcome: str = "passed", device: str = "npu", **digests: str) -> Verdict:
    return make_verdict(stage, outcome, device=device, digests={**NOW, **digests})


@pytest.mark.parametrize(
    ("verdicts", "accepted"),
    [
        ([verdict("real")], "npu"),
        ([verdict("dummy"), verdict("real"), verdict("parity")], "npu"),
        ([verdict("real", device="cpu")], "cpu"),
        ([verdict("real", "request-failed", tree="t0"), verdict("real")], "npu"),
        ([verdict("dummy", "request-failed"), verdict("real")], "npu"),
        ([verdict("twin"), verdict("real")], "npu"),
    ],
)
def test_suffices(verdicts: list[Verdict], accepted: str) -> None:
    check_sign_off(verdicts, NOW, accepted)


@pytest.mark.parametrize(
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
    ],
)
def test_does_not_suffice(verdicts: list[Verdict], accepted: str, says: str) -> None:
    with pytest.raises(CheckFailed, match=says):
        check_sign_off(verdicts, NOW, accepted)
