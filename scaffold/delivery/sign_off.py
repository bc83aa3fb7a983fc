"""The rule of sign-off: which evidence lets a commit be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scaffold.common.errors import CheckFailed

NPU = "npu"


def check_sign_off(
    verdicts: Sequence[Mapping[str, Any]], digests: Mapping[str, str], accepted_device: str = NPU
) -> None:
    """Check that stage B has passed on exactly this tree and this checkpoint, on an accepted device.

    Args:
        verdicts: JSON forms of verdicts; only those with the present digests count.
        digests: ``tree`` and ``checkpoint`` as they are now.
        accepted_device: ``npu``, or another device that the user has named.

    Raises:
        CheckFailed: the evidence does not suffice; dummy evidence never does.
    """
    current = [v for v in verdicts if dict(v["digests"]) == dict(digests)]
    real = [v for v in current if v["stage"] == "real"]
    if not real:
        stale = any(v["stage"] == "real" for v in verdicts)
        raise _refused(
            "stage real passed on another state of tree or checkpoint" if stale else "stage real has not been run",
            "run: scaffold validate CHECKPOINT --stage real",
        )
    for verdict in current:
        if verdict["stage"] in ("real", "parity") and verdict["outcome"] != "passed":
            raise _refused(
                f"stage {verdict['stage']} ended as {verdict['outcome']}: {verdict['reason']}",
                "mend the adapter and run the stage again",
            )
    devices = {str(v["device"]) for v in real}
    if not devices & {NPU, accepted_device}:
        device = sorted(devices)[0]
        raise _refused(
            f"stage real was run on the device {device!r} only",
            f"run it on an NPU, or state that {device} evidence is enough with --accept-device {device}",
        )


def _refused(found: str, remedy: str) -> CheckFailed:
    return CheckFailed(
        found,
        where="commit",
        expected="stage real passed on exactly this tree and checkpoint",
        remedy=remedy,
    )
