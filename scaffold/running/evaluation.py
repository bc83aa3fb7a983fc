"""Accuracy and performance of a planned model: ``lm_eval`` and ``vllm bench serve`` against its server."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from scaffold.checkpoint.read import Checkpoint
from scaffold.common.errors import CheckFailed, EnvironmentLacks, UsageError
from scaffold.delivery.accuracy import ACCURACY, Accuracy, read_results
from scaffold.delivery.benchmark import BENCHMARK, Benchmark, read_benchmark
from scaffold.delivery.measured import CHECKPOINT
from scaffold.delivery.tutorial.shown import PORT
from scaffold.evidence.gather import gather
from scaffold.evidence.plan_record import PlanRecord
from scaffold.evidence.workspace import Workspace
from scaffold.running.validation import ServeOptions, preflight, serve_plan
from scaffold_validators.device import find_device
from scaffold_validators.engine import Engine
from scaffold_validators.openai_api import Client
from scaffold_validators.serve import HOST, Patience, ServePlan, Server
from scaffold_validators.stages.visit import readiness


@dataclass(frozen=True)
class Load:
    """What ``vllm bench serve`` sends: random tokens, as vLLM's own data set ``random`` makes them.

    Attributes:
        prompts: requests in all.
        input_len: tokens of each prompt.
        output_len: tokens of each answer.
        concurrency: requests at once, at most.
    """

    prompts: int = 32
    input_len: int = 128
    output_len: int = 32
    concurrency: int = 8

    def arguments(self, served_model_name: str) -> list[str]:
        """Return them as arguments of ``vllm``, with `CHECKPOINT` for the folder of the tokenizer."""
        words = ["bench", "serve", "--backend", "openai", "--endpoint", "/v1/completions"]
        words += ["--model", CHECKPOINT, "--served-model-name", served_model_name, "--dataset-name", "random"]
        words += ["--random-input-len", str(self.input_len), "--random-output-len", str(self.output_len)]
        words += ["--num-prompts", str(self.prompts), "--max-concurrency", str(self.concurrency)]
        return [*words, "--seed", "0", "--ignore-eos"]


RESULTS = "**/results_*.json"
"""What ``lm_eval`` writes below ``--output_path``."""
MODEL_KEYS = ("model", "pretrained")
"""What ``lm_eval`` is told of a model: the name that a server knows it by, or what it loads itself."""


@dataclass(frozen=True)
class Tasks:
    """What is asked.

    Attributes:
        names: tasks of ``lm_eval``.
        num_fewshot: examples in front of each question; None: as the task has it.
        limit: how many questions of each task are asked; None for all.
        include_path: a folder with tasks of one's own.
        chat: whether questions go through the model's chat template.
    """

    names: tuple[str, ...]
    num_fewshot: int | None = None
    limit: int | None = None
    include_path: Path | None = None
    chat: bool = False

    def arguments(self) -> list[str]:
        """Return them as arguments of ``lm_eval``."""
        words = ["--tasks", ",".join(self.names)]
        if self.num_fewshot is not None:
            words += ["--num_fewshot", str(self.num_fewshot)]
        if self.limit is not None:
            words += ["--limit", str(self.limit)]
        if self.include_path is not None:
            words += ["--include_path", str(self.include_path.resolve())]
        return [*words, *(["--apply_chat_template", "--fewshot_as_multiturn"] if self.chat else [])]


def take_results(workspace: Workspace, name: str, path: Path) -> Accuracy:
    """Keep a results file as what was measured of the model as it is now.

    Raises:
        UsageError: nothing was planned for the model, or it is no results file, or one of another model.
    """
    evidence = gather(workspace, name)
    accuracy = read_results(path, evidence.digests)
    _check_model(accuracy, evidence.record, path)
    workspace.save_measured(ACCURACY, name, accuracy)
    return accuracy


@dataclass(frozen=True)
class Measured:
    """What was measured of one server; None for what was not asked for."""

    accuracy: Accuracy | None = None
    benchmark: Benchmark | None = None


def evaluate(
    workspace: Workspace,
    name: str,
    checkpoint: Checkpoint,
    engine: Engine,
    options: ServeOptions,
    tasks: Tasks | None,
    bench: Load | None,
    lm_eval: Path,
    report: Callable[[str], None],
    hear: Callable[[str], None],
    patience: Patience,
) -> Measured:
    """Serve the model as the gates do, have ``lm_eval`` and ``vllm bench serve`` ask it, and keep what they measured.

    Args:
        workspace: where the model was planned.
        name: the model's.
        checkpoint: what is served.
        engine: the environment that serves it, and has ``vllm bench``.
        options: how it is served.
        tasks: what ``lm_eval`` asks; None where accuracy is not measured.
        bench: the load of ``vllm bench serve``; None where performance is not measured.
        lm_eval: the Python of the environment that has ``lm_eval``.
        report: told of milestones.
        hear: gets each line of the server's log, in another thread.
        patience: how long is waited for the server.

    Raises:
        UsageError: nothing was planned for the model.
        EnvironmentLacks: there is no ``lm_eval``.
        Problem: the environment runs another tree, or the port is taken.
        CheckFailed: the server does not become ready, or what asks it fails; its log is named.
    """
    evidence = gather(workspace, name, checkpoint)
    preflight(engine, Path(evidence.record.vllm), options.port)
    if tasks is not None:
        check_lm_eval(lm_eval)
    device = find_device(engine, None)
    engine = replace(engine, device=device.kind, versions={**engine.versions, **device.versions()})
    plan = serve_plan(workspace.work, checkpoint, engine, options, evidence.record)
    logs = workspace.logs(name)
    log, output = logs / "evaluate-serve.log", logs / "evaluate"
    known, written, measured = set(output.glob(RESULTS)), list[Path](), Measured()
    with workspace.gates_lock(), Server(plan, log, report, hear) as server:
        client = Client(f"http://{HOST}:{options.port}", server.alive, patience.request_seconds)
        unready = server.wait_ready(lambda: readiness(client, server), patience)
        if unready is not None:
            raise _failed(unready.reason, log)
        if tasks is not None:
            report(f"asking {', '.join(tasks.names)}")
            _run(_command(lm_eval, name, checkpoint, options.port, tasks, output), logs / "evaluate.log")
            written = sorted(set(output.glob(RESULTS)) - known)
        if bench is not None:
            report(f"sending {bench.prompts} requests, {bench.concurrency} at once")
            measured = replace(measured, benchmark=_bench(plan, bench, evidence.digests, logs))
    if measured.benchmark is not None:
        workspace.save_measured(BENCHMARK, name, measured.benchmark)
    if tasks is None:
        return measured
    if not written:
        raise _failed("lm_eval ended without a results file", logs / "evaluate.log")
    return replace(measured, accuracy=take_results(workspace, name, written[-1]))


def _bench(plan: ServePlan, load: Load, digests: Mapping[str, str], logs: Path) -> Benchmark:
    """Run ``vllm bench serve`` of the engine against a server that is ready."""
    results = logs / "bench"
    results.mkdir(parents=True, exist_ok=True)
    file = results / f"{len(list(results.iterdir())):04d}.json"
    words = load.arguments(plan.served_model_name)
    place = ["--save-result", "--result-dir", str(results), "--result-filename", file.name]
    address = ["--host", HOST, "--port", str(plan.port)]
    told = [str(plan.model) if word == CHECKPOINT else word for word in words]
    _run([str(plan.engine.python.parent / "vllm"), *told, *address, *place], logs / "bench.log")
    shown = ("vllm", *words, "--host", "localhost", "--port", PORT)
    versions = {key: value for key, value in plan.engine.versions.items() if value}
    return read_benchmark(file, shown, plan.engine.device, versions, digests)


def _check_model(accuracy: Accuracy, record: PlanRecord, path: Path) -> None:
    """Check that results are of a planned model, by what ``lm_eval`` was told of it.

    Raises:
        UsageError: they are of another, or do not say of which.
    """
    told = dict(part.partition("=")[::2] for part in accuracy.model_args.split(","))
    stated = [told[key].strip() for key in MODEL_KEYS if told.get(key)]
    known = {record.name, str(record.documents.get("model_id") or ""), record.checkpoint} - {""}
    if not any(word in known for word in stated):
        raise UsageError(
            f"results of {', '.join(stated) or 'a model that they do not name'}",
            where=str(path),
            expected=f"results of {', '.join(sorted(known))}",
            remedy=f"evaluate this model, served as {record.name}; the tutorial has the command",
        )


def check_lm_eval(python: Path) -> None:
    """Check that an environment has ``lm_eval``.

    Raises:
        EnvironmentLacks: it has not.
    """
    found = subprocess.run([str(python), "-c", "import lm_eval"], capture_output=True, check=False)
    if found.returncode:
        raise EnvironmentLacks(
            "no lm_eval",
            where=str(python),
            expected="an environment with lm-eval and its extra for servers",
            remedy="pip install 'vllm-ascend-scaffold[evaluate]', or name another environment with --lm-eval-python; "
            "results of an evaluation elsewhere are taken with --results FILE",
        )


def own_python() -> Path:
    """Return the Python that this tool runs in."""
    return Path(sys.executable)


def _command(python: Path, name: str, checkpoint: Checkpoint, port: int, tasks: Tasks, output: Path) -> list[str]:
    """Return the command: the server's own endpoint, and the checkpoint's tokenizer for log probabilities."""
    kind, path = ("local-chat-completions", "chat/completions") if tasks.chat else ("local-completions", "completions")
    arguments = {
        "model": name,
        "base_url": f"http://{HOST}:{port}/v1/{path}",
        "tokenizer": str(checkpoint.path.resolve()),
        "tokenizer_backend": "huggingface",
        "tokenized_requests": "False",
    }
    told = ",".join(f"{key}={value}" for key, value in arguments.items())
    words = [str(python), "-m", "lm_eval", "--model", kind, "--model_args", told, *tasks.arguments()]
    return [*words, "--output_path", str(output)]


def _run(command: list[str], log: Path) -> None:
    with log.open("w", encoding="utf-8") as file:
        file.write(f"$ {shlex.join(command)}\n")
        file.flush()
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        what = "vllm bench serve" if "bench" in command else "lm_eval"
        raise _failed(f"{what} ended with {done.returncode}: {lines[-1][-300:]}", log)


def _failed(found: str, log: Path) -> CheckFailed:
    return CheckFailed(
        found,
        where=str(log),
        expected="a server that answers all questions",
        remedy="look into the log; scaffold diagnose reads that of the server",
    )
