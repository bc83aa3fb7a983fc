"""A Ray cluster as the place of a fleet: each job is a task that asks for ``NPU`` or ``CPU``.

Ray is what vLLM itself scales on, and it is in vllm-ascend's images. Every machine needs this tool, and the checkpoints
and trees at the same paths; work directories are made where they are missing, and what is new in them comes back.
"""

from __future__ import annotations

from typing import Any

from scaffold.common.errors import EnvironmentLacks
from scaffold.running.fleet.job import Job, Ran, run_job

NPU = "NPU"
ASK_SECONDS = 5.0
AUTO = "auto"


class OnRay:
    """A cluster.

    Args:
        address: as ``ray.init`` takes it: ``auto`` for the one that this machine belongs to.

    Raises:
        EnvironmentLacks: Ray is not installed, or there is no such cluster.
    """

    def __init__(self, address: str = AUTO) -> None:
        try:
            import ray
        except ImportError as error:
            raise EnvironmentLacks(
                "no Ray",
                where="this Python",
                expected="the package ray, as vllm-ascend's images have it",
                remedy="pip install 'vllm-ascend-scaffold[fleet]'",
            ) from error
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise EnvironmentLacks(
                str(error).splitlines()[0],
                where=f"the Ray cluster {address!r}",
                expected="a cluster that answers",
                remedy="ray start --head on one machine, ray start --address=HEAD:6379 on the others",
            ) from error
        self._ray = ray
        self._task = ray.remote(max_retries=0)(run_job)
        self._running: dict[Any, tuple[int, Job]] = {}

    def start(self, number: int, job: Job) -> None:
        """Start a task; Ray holds it back until a machine has what it asks for."""
        asks = self._asks(job)
        npus = {NPU: asks[NPU]} if asks.get(NPU) else {}
        task = self._task.options(num_cpus=asks["CPU"], resources=npus, name=job.row.shown)
        self._running[task.remote(job)] = (number, job)

    def ended(self) -> tuple[int, Ran | None, str]:
        """Wait for a task; one whose machine died, or that no machine can hold any more, has None."""
        while True:
            done, waiting = self._ray.wait(list(self._running), num_returns=1, timeout=ASK_SECONDS)
            if done:
                return self._result(done[0])
            for task in waiting:
                number, job = self._running[task]
                why_not = self.can_hold(job)
                if why_not:
                    self._ray.cancel(task, force=True)
                    del self._running[task]
                    return number, Ran(None, errors=why_not), ""

    def can_hold(self, job: Job) -> str:
        """Return what no machine of the cluster has; empty if one has all that is asked for."""
        asks = self._asks(job)
        machines = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        if any(all(there.get(what, 0) >= count for what, count in asks.items()) for there in machines):
            return ""
        wanted = ", ".join(f"{count} {what}" for what, count in asks.items() if count)
        return f"no machine of the cluster has {wanted}"

    def close(self) -> None:
        """Leave the cluster; tasks that still run are ended."""
        for task in list(self._running):
            self._ray.cancel(task, force=True)
        self._ray.shutdown()

    def _asks(self, job: Job) -> dict[str, int]:
        """Return what a job asks for: NPUs where the cluster has any, or the row says so."""
        has_npus = self._ray.cluster_resources().get(NPU, 0) > 0
        npus = job.row.ranks if has_npus or job.row.npus else 0
        return {"CPU": job.row.cpus, NPU: npus}

    def _result(self, task: Any) -> tuple[int, Ran | None, str]:
        number, _ = self._running.pop(task)
        try:
            ran: Ran = self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:
            return number, Ran(None, errors=str(error)[-2000:]), ""
        except self._ray.exceptions.RayError as error:
            return number, None, f"the machine or its worker died ({type(error).__name__})"
        return number, ran, ""
