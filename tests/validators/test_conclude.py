"""What is concluded of a server that hangs: the process that is at fault is named first."""

from __future__ import annotations

from scaffold_validators.outcome import Conclusion, Outcome
from scaffold_validators.stages.conclude import judge
from scaffold_validators.stages.stage import Answers, Served
from scaffold_validators.watching.doing import ProcessState


def state(title: str, said: str) -> ProcessState:
    """Return a process that does that."""
    return ProcessState(pid=7, title=title, state=said, waits_in="", cpu_seconds=1.0, threads=1)


def test_of_a_server_that_hangs_the_process_that_does_not_only_wait_is_named_first() -> None:
    states = (state("vllm serve", "sleeping"), state("worker 0", "disk-sleep"), state("VLLM::EngineCore", "stopped"))
    found = judge(Served(Conclusion(Outcome.TIMED_OUT, "nothing moved"), "", "", states=states), Answers())
    assert (found.outcome, found.signature) == (Outcome.TIMED_OUT, "hangs")
    assert [said.split(" (pid")[0] for said in found.cause.split("; ")] == [
        "VLLM::EngineCore",
        "worker 0",
        "vllm serve",
    ]
