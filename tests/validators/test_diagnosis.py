"""The cause of a failure is its first one, never that an engine has died; what nobody knows is called so."""

from __future__ import annotations

from scaffold_validators.diagnosis import diagnose
from scaffold_validators.diagnosis.diagnose import LINES_TO_READ

DEAD = "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above)"


def test_a_known_cause_stands_before_what_followed_from_it() -> None:
    log = f"INFO up\nTraceback (most recent call last):\nRuntimeError: NPU out of memory. Tried 1 GiB\n{DEAD}\n"
    found = diagnose(log)
    assert found.cause is not None
    assert (found.cause.id, found.cause.line_number) == ("npu-out-of-memory", 3)
    assert [finding.id for finding in found.cascade] == ["engine-dead"]
    assert found.known
    assert found.read == ()


def test_an_unknown_cause_is_not_hidden_by_the_death_of_the_engine() -> None:
    log = "INFO up\nTraceback (most recent call last):\n  File ...\nOddError: what\n" + f"{DEAD}\n" * 20
    found = diagnose(log)
    assert found.cause is not None
    assert (found.cause.id, found.known) == ("unknown", False)
    assert found.read[:3] == ("Traceback (most recent call last):", "  File ...", "OddError: what")
    assert len(found.read) == LINES_TO_READ
    assert [finding.id for finding in found.cascade] == ["engine-dead"]


def test_a_log_that_tells_of_a_dead_engine_alone_says_that() -> None:
    found = diagnose(f"{DEAD}\n")
    assert found.cause is not None
    assert (found.cause.id, found.cascade) == ("engine-dead", ())


def test_a_healthy_log_has_no_cause() -> None:
    found = diagnose("INFO:     Application startup complete.\n")
    assert (found.cause, found.cascade, found.read) == (None, (), ())
