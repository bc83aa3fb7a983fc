"""Faults: how each is brought about on a small Qwen3, and what a gate has to conclude, with the root cause."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psutil

from scaffold_validators.serve import Patience
from scaffold_validators.stages.stage import Gate
from scaffold_validators.watching.shared_memory import mapped_by
from tests.lab.checkpoints import checkpoint

STATIC = "static"
ROW = "qwen3"
ARCHITECTURE = Path("vllm/model_executor/models/qwen3.py")
Arranged = Iterator[Gate]


@dataclass(frozen=True)
class Fault:
    """A row.

    Attributes:
        arrange: gives a gate on which it happens, and takes it back afterwards.
        outcome: of the gate; ``stopped`` where stage static keeps a server from being started.
        cause: a regular expression that its root cause has to match.
        stage: which is run, with those that it needs.
    """

    name: str
    arrange: Callable[[Gate, Path], Any]
    outcome: str
    cause: str
    stage: str = "real"


def options(**changes: Any) -> Callable[[Gate, Path], Any]:
    """Return what changes options of the server."""

    @contextmanager
    def arrange(gate: Gate, vllm: Path) -> Arranged:
        yield replace(gate, plan=replace(gate.plan, **changes))

    return arrange


def config(**changes: Any) -> Callable[[Gate, Path], Any]:
    """Return what changes keys of ``config.json`` in a copy of the checkpoint."""
    return files(lambda folder: put(folder / "config.json", changes))


def files(change: Callable[[Path], object], **more: Any) -> Callable[[Gate, Path], Any]:
    """Return what changes a copy of the checkpoint."""

    @contextmanager
    def arrange(gate: Gate, vllm: Path) -> Arranged:
        folder = gate.logs.parent / f"{gate.logs.name}-checkpoint"
        shutil.copytree(checkpoint(ROW), folder)
        try:
            change(folder)
            yield replace(gate, plan=replace(gate.plan, model=folder, **more))
        finally:
            shutil.rmtree(folder)

    return arrange


def put(path: Path, changes: dict[str, Any]) -> None:
    """Change keys of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def without_tensor(name: str) -> Callable[[Path], None]:
    """Return what takes a tensor out of a checkpoint, from its shard and its index."""

    def change(folder: Path) -> None:
        from safetensors.numpy import load_file, save_file

        index = json.loads((folder / "model.safetensors.index.json").read_text())
        shard = folder / index["weight_map"].pop(name)
        tensors = load_file(shard)
        del tensors[name]
        save_file(tensors, shard, metadata={"format": "pt"})
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    return change


def edited(pattern: str, replacement: str, **more: Any) -> Callable[[Gate, Path], Any]:
    """Return what edits the model's file once, and changes options of the server."""

    @contextmanager
    def arrange(gate: Gate, vllm: Path) -> Arranged:
        path = vllm / ARCHITECTURE
        before = path.read_text()
        after, times = re.subn(pattern, replacement, before, count=1)
        assert times == 1, f"nothing to edit: no {pattern} in {path}"
        path.write_text(after)
        try:
            yield replace(gate, plan=replace(gate.plan, **more))
        finally:
            path.write_text(before)

    return arrange


IMPORT = edited(r"(?m)^import torch$", "import a_module_that_is_not_there\nimport torch")
SCALE = edited(r"self\.head_dim\*\*-0\.5", "self.head_dim**-0.25")
NOT_TRACED = edited(
    r"(?m)^( +)# Self Attention$",
    r"\1if hidden_states.abs().max() > 1e30:\n\1    raise OverflowError\n\1# Self Attention",
    enforce_eager=False,
)
"""What depends on a number in a tensor cannot be traced: it serves in eager mode alone."""


def signalled(title: str, number: signal.Signals, moment: str, **patience: float) -> Callable[[Gate, Path], Any]:
    """Return what sends a signal to a process of vLLM's, once the gate reports something."""

    @contextmanager
    def arrange(gate: Gate, vllm: Path) -> Arranged:
        def report(text: str) -> None:
            gate.report(text)
            if text.startswith(moment):
                for process in processes(title):
                    process.send_signal(number)

        ranks = 2 if "Worker" in title else 1
        plan = replace(gate.plan, tensor_parallel_size=ranks)
        yield replace(gate, plan=plan, report=report, patience=replace(gate.patience, **patience))

    return arrange


def processes(title: str) -> list[psutil.Process]:
    """Return the processes below this one with a title of vLLM's."""
    found = []
    for process in psutil.Process().children(recursive=True):
        words = process.cmdline()
        if words and words[0].startswith(title):
            found.append(process)
    return found


class YesToAll(BaseHTTPRequestHandler):
    """Answers 200 to everything."""

    def do_GET(self) -> None:
        body = b'{"data": [{"id": "somebody-elses"}], "choices": [{"text": "yes"}]}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - as http.server names it

    def log_message(self, *parts: Any) -> None:
        pass


@contextmanager
def impostor(gate: Gate, vllm: Path) -> Arranged:
    """Another server takes the port while vLLM starts."""
    servers: list[HTTPServer] = []

    def hear(line: str) -> None:
        if not servers:
            servers.append(HTTPServer(("127.0.0.1", gate.plan.port), YesToAll))
            threading.Thread(target=servers[0].serve_forever, daemon=True).start()

    yield replace(gate, hear=hear)
    for server in servers:
        server.shutdown()
        server.server_close()


@contextmanager
def full_disk(gate: Gate, vllm: Path) -> Arranged:
    """Files of this process may not grow any more, once the engine is loading."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def report(text: str) -> None:
        gate.report(text)
        if text == "engine starts":
            resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))

    try:
        yield replace(gate, report=report)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


ALL_END = {"eos_token_id": list(range(512))}
STOPS = {"idle_seconds": 15.0, "request_seconds": 10.0}
FAULTS = (
    Fault("unknown architecture", config(architectures=["NovaForCausalLM"]), "startup-failed", r"NovaForCausalLM"),
    Fault(
        "missing linear weight",
        files(without_tensor("model.layers.1.mlp.down_proj.weight")),
        "stopped",
        r"model\.layers\.(1|\*)\.mlp\.down_proj",
        STATIC,
    ),
    Fault("a planted fault", SCALE, "wrong-output", r"log probabilities of \d+ tokens differ", "parity"),
    Fault("missing norm", files(without_tensor("model.norm.weight")), "startup-failed", r"model\.norm\.weight|norm"),
    Fault("wrong shape", config(intermediate_size=384), "startup-failed", r"size|shape|Assertion|dimension"),
    Fault(
        "an end token that always comes first",
        files(lambda folder: put(folder / "generation_config.json", ALL_END)),
        "empty-output",
        r"no text: (1 token|0 tokens), finish reason stop",
    ),
    Fault("an over-long prompt", options(max_model_len=16), "request-failed", r"HTTP 400: .*maximum context length"),
    Fault("import error in the adapter", IMPORT, "startup-failed", r"a_module_that_is_not_there"),
    Fault("head size 16", config(head_dim=16), "false-ready", r"head_dim=16|head size|attention", "dummy"),
    Fault(
        "killed worker",
        signalled("VLLM::Worker", signal.SIGKILL, "ready after"),
        "false-ready",
        r"VLLM::Worker_TP\d \(pid \d+\) died|died unexpectedly",
    ),
    Fault(
        "killed engine",
        signalled("VLLM::EngineCore", signal.SIGKILL, "ready after"),
        "false-ready",
        r"VLLM::(EngineCore|Worker)\S* \(pid \d+\) died|died unexpectedly",
    ),
    Fault("port taken by a server that answers everything", impostor, "environment", r"another server answers on port"),
    Fault(
        "stopped before it is ready",
        signalled("VLLM::EngineCore", signal.SIGSTOP, "engine starts", **STOPS),
        "timed-out",
        r"VLLM::EngineCore\S* \(pid \d+\) stopped",
    ),
    Fault(
        "stopped in a request",
        signalled("VLLM::EngineCore", signal.SIGSTOP, "ready after", **STOPS),
        "timed-out",
        r"VLLM::EngineCore\S* \(pid \d+\) stopped",
    ),
    Fault("disk full", full_disk, "environment", r"File too large|No space left"),
    Fault("a length that the model has not", options(max_model_len=131072), "startup-failed", r"derived max_model_len"),
)


def base_gate(python: Path, work: Path, logs: Path, port: int, report: Callable[[str], None]) -> Gate:
    """Return the gate that all faults are arranged on."""
    from scaffold_validators.engine import probe
    from scaffold_validators.serve import ServePlan

    plan = ServePlan(
        probe(python), checkpoint(ROW), ROW, work, port=port, dtype="float32", max_model_len=512, enforce_eager=True
    )
    return Gate(plan, True, False, {}, logs, report, 512, Patience(240, 1200, 240))


def left_behind(port: int) -> list[str]:
    """Return what is left of servers: processes below this one, and whoever listens on the port."""
    left = [" ".join(process.cmdline())[:80] for process in processes("VLLM::")]
    with socket.socket() as probe_:
        probe_.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe_.bind(("127.0.0.1", port))
        except OSError:
            left.append(f"a listener on {port}")
    return left


def segments() -> set[str]:
    """Return the names of shared memory, with which vLLM's queues are made."""
    return {name for name in os.listdir("/dev/shm") if name.startswith("psm_")}  # noqa: PTH208


def left_segments(before: set[str]) -> set[str]:
    """Return those that were not there before, and that no process uses: engines of others may run meanwhile."""
    new = segments() - before
    time.sleep(0.2)  # one that has just been made is mapped by then
    return (new & segments()) - {path.name for path in mapped_by(psutil.process_iter())}
