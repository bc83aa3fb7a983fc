"""Stage twin: makes the twin in the target's environment, serves it there, and concludes."""

from __future__ import annotations

import json
import math
import re
import shlex
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold_validators.engine import Engine, clean_environment
from scaffold_validators.problem import Problem
from scaffold_validators.verdict import Verdict

HERE = Path(__file__).parent
MAKE, SERVE = HERE / "make_twin.py", HERE / "serve_twin.py"
STAGE = "twin"
NEW_TOKENS = 12
TOLERANCE = 1e-3
"""Largest difference of a log probability in float32, in nats; right adapters are within some 1e-5."""
LIMIT = 240
"""Seconds for each of the two processes; an adapter that hangs is wrong, too."""
SCALE = re.compile(r"(_scale|_scale_inv|_zero_point|_qweight|_qzeros|_g_idx)$|\.(scales|qzeros|g_idx)$")
SERVING = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the model lives in the process that hooks it
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_HOST_IP": "127.0.0.1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
}


@dataclass(frozen=True)
class Adapter:
    """A module outside of vLLM: ``target`` is ``module:Class``, importable from ``source``."""

    source: Path
    architecture: str
    target: str


@dataclass(frozen=True)
class TwinRequest:
    """What is asked of stage twin.

    Attributes:
        adapter: what serves the twin, or None for what the target's registry has.
        model_impl: vLLM's option: ``vllm``, ``transformers`` or ``auto``.
        scratch: an empty directory for the twin.
        vocabulary: which keys of configs are which, and how the twin sizes them; see ``shrink.py``.
        tensors: the checkpoint's tensor names, to see whether the twin has every kind of them.
        digests: of what the verdict holds for.
    """

    engine: Engine
    checkpoint: Path
    adapter: Adapter | None
    model_impl: str
    vocabulary: Mapping[str, Mapping[str, Any]]
    tensors: tuple[str, ...]
    scratch: Path
    log: Path
    digests: Mapping[str, str]
    trust_remote_code: bool = False


def run_twin(request: TwinRequest) -> Verdict:
    """Make, serve and compare; `where_it_parts` of ``serve_twin.py`` names layer and block.

    Raises:
        Problem: the target's transformers cannot make the twin, so there is nothing to compare with.
    """
    started = time.monotonic()
    request.log.parent.mkdir(parents=True, exist_ok=True)
    with _server(request) as server:
        reference = _make(request)
        made = time.monotonic()
        answer = _ask(request, server, reference)
    seconds = {"twin": time.monotonic() - started, "making": made - started}
    outcome, reason, numbers = _conclude(reference, answer)
    lacks = sorted(_kinds(request.tensors) - _kinds(reference["tensors"]))
    if lacks:
        reason += f"; the twin has no tensors like {', '.join(lacks[:3])}, so it says nothing of these"
    return Verdict(
        stage=STAGE,
        outcome=outcome,
        reason=reason,
        device=request.engine.device,
        command=shlex.join([str(request.engine.python), str(SERVE)]),
        versions=request.engine.versions,
        digests=request.digests,
        seconds=seconds,
        log=str(request.log),
        numbers={**numbers, "tensor_parallel_size": 1, "tensors_the_twin_lacks": lacks},
    )


def _kinds(names: Iterable[str]) -> set[str]:
    """Return names without their numbers, scales of quantised weights left out: a twin has none."""
    return {re.sub(r"\.\d+(?=\.|$)", ".*", name) for name in names if not SCALE.search(name)}


def _make(request: TwinRequest) -> dict[str, Any]:
    asked = {
        "checkpoint": str(request.checkpoint.resolve()),
        "destination": str(request.scratch / "twin"),
        "trust_remote_code": request.trust_remote_code,
        "new_tokens": NEW_TOKENS,
        "vocabulary": request.vocabulary,
    }
    try:
        done = subprocess.run(
            [str(request.engine.python), str(MAKE)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
            cwd=request.scratch,
            env=clean_environment({"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}),
        )
    except subprocess.TimeoutExpired as error:
        raise _no_twin(request, f"no twin after {LIMIT} s") from error
    if done.returncode != 0:
        raise _no_twin(request, done.stderr.strip()[-600:])
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def _no_twin(request: TwinRequest, found: str) -> Problem:
    remedy = "see the error; without a reference there is no twin"
    if not request.trust_remote_code and ("trust_remote_code" in found or "does not recognize" in found):
        remedy = "its own code would have to run: pass --trust-remote-code if you trust it"
    return Problem(
        f"no twin could be made: {found}",
        where=str(request.checkpoint),
        expected="a model that the environment's transformers can make from the shrunken config",
        remedy=remedy,
    )


@contextmanager
def _server(request: TwinRequest) -> Iterator[subprocess.Popen[str]]:
    """Start the serving process, which imports vLLM while the twin is made, and end it in any case."""
    with request.log.open("w") as log:
        process = subprocess.Popen(
            [str(request.engine.python), str(SERVE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=request.scratch,
            env=clean_environment(SERVING),
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def _ask(request: TwinRequest, server: subprocess.Popen[str], reference: dict[str, Any]) -> dict[str, Any]:
    adapter = request.adapter
    asked = {
        "twin": str(request.scratch / "twin"),
        "reference": reference,
        "plugin": adapter
        and {"source": str(adapter.source), "architecture": adapter.architecture, "target": adapter.target},
        "model_impl": request.model_impl,
        "dtype": "float32",
        "trust_remote_code": request.trust_remote_code,
    }
    try:
        said, _ = server.communicate(json.dumps(asked) + "\n", timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return {"error": f"no answer in {LIMIT} s"}
    except BrokenPipeError:
        server.wait()
        said = ""
    with request.log.open("a") as log:
        log.write(said)
    if server.returncode != 0:
        return {"error": _error(request.log)}
    return json.loads(said.splitlines()[-1])  # type: ignore[no-any-return]


def _error(log: Path) -> str:
    """Return the last exception that a log names; warnings of exceptions that were dealt with are none."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if "WARNING" not in line]
    raised = [line for line in lines if re.match(r"(\(.*?\) )?(ERROR .*?\] )?[\w.]*(Error|Exception)\b", line)]
    return raised[-1].strip()[:400] if raised else "the process ended without an answer"


def _conclude(reference: Mapping[str, Any], answer: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Return outcome, reason and numbers."""
    if "error" in answer:
        return "failed", f"the twin could not be served: {answer['error']}", {}
    gaps = [abs(a - b) for a, b in zip(reference["logprobs"], answer["logprobs"], strict=True)]
    largest = math.nan if any(map(math.isnan, gaps)) else max(gaps)
    same = 0
    while same < NEW_TOKENS and reference["greedy"][same] == answer["greedy"][same]:
        same += 1
    numbers = {"largest_logprob_difference": largest, "greedy_tokens_agreeing": same, "tolerance": TOLERANCE}
    said = f"log probabilities differ by at most {largest:.1e}, {same} of {NEW_TOKENS} greedy tokens agree"
    if largest <= TOLERANCE and same == NEW_TOKENS:
        return "passed", said, numbers
    parts = answer["parts"]
    place = " ".join(filter(None, (parts["layer"], parts["block"])))
    return "failed", f"wrong: {said}; it parts from transformers at {place}", {**numbers, "parts": parts}
