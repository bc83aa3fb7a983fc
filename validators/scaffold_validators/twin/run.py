"""Stage twin: makes the twin in the target's environment, serves it there, and concludes."""

from __future__ import annotations

import json
import math
import re
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scaffold_validators.engine import Engine
from scaffold_validators.outcome import Conclusion, Outcome
from scaffold_validators.parity.judge import or_none
from scaffold_validators.problem import Problem
from scaffold_validators.records import last_line, unstructure
from scaffold_validators.shims.engine import described, remark
from scaffold_validators.stages.table import TWIN_STAGE
from scaffold_validators.twin.workers import FRESH, SERVE, Ask, Workers
from scaffold_validators.verdict import Verdict

REFERENCE = "reference.json"
NEW_TOKENS = 12
TOLERANCE = 1e-3
"""Largest difference of a log probability in float32, in nats; right adapters are within some 1e-5."""
KERNEL = (
    "; it agrees where vLLM's layers take their PyTorch path, so a kernel of this engine is wrong, which need not hold "
    "on another device"
)
SCALE = re.compile(r"(_scale|_scale_inv|_zero_point|_qweight|_qzeros|_g_idx)$|\.(scales|qzeros|g_idx)$")


@dataclass(frozen=True)
class Adapter:
    """A module outside of vLLM.

    Attributes:
        source: the folder that it can be imported from.
        architecture: what it serves.
        target: ``module:Class``.
        config: the config's class likewise, with which no remote code is needed to load it; empty without one.
        model_type: of the configs that it is for.
    """

    source: Path
    architecture: str
    target: str
    config: str = ""
    model_type: str = ""


@dataclass(frozen=True)
class TwinRequest:
    """What is asked of stage twin.

    Attributes:
        adapter: what serves the twin, or None for what the target's registry has.
        is_vllms: whether vLLM's own code serves it: where that is wrong, its kernels on this engine may be at fault.
        model_impl: vLLM's option: ``vllm``, ``transformers`` or ``auto``.
        scratch: a directory for the twin. One that is there already, served in another way before, serves again.
        vocabulary: which keys of configs are which, and how the twin sizes them; see ``shrink.py``.
        tensors: the checkpoint's tensor names, to see whether the twin has every kind of them.
        digests: of what the verdict holds for.
        overrides: what counts instead of something that the checkpoint's config says.
        renames: beginnings of the checkpoint's names, and of those that transformers writes instead; applied in turn.
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
    is_vllms: bool = False
    overrides: Mapping[str, Any] = field(default_factory=dict)
    renames: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Reference:
    """What ``make_twin.py`` says: the twin's prompt, what transformers answers, and names of layers and tensors."""

    prompt: tuple[int, ...]
    logprobs: tuple[float, ...]
    greedy: tuple[int, ...]
    layers: tuple[str, ...]
    tensors: tuple[str, ...]


@dataclass(frozen=True)
class Parts:
    """Where the two part: a layer and a block of it; by how much, relative to the largest value."""

    layer: str
    block: str
    off: float | None = None


@dataclass(frozen=True)
class Answer:
    """What ``serve_twin.py`` says; ``shims`` stood in for kernels of the engine that answer wrongly."""

    logprobs: tuple[float, ...]
    greedy: tuple[int, ...]
    parts: Parts
    shims: tuple[str, ...] = ()


def run_twin(request: TwinRequest, workers: Workers = FRESH) -> Verdict:
    """Make, serve and compare; `where_it_parts` of ``serve_twin.py`` names layer and block.

    Args:
        request: what is asked.
        workers: what the two steps run in.

    Raises:
        Problem: the target's transformers cannot make the twin, so there is nothing to compare with.
    """
    started = time.monotonic()
    request.log.parent.mkdir(parents=True, exist_ok=True)
    with workers.server(request.engine, request.scratch, request.log) as ask:
        reference = _made_before(request) or _make(request, workers)
        made = time.monotonic()
        answer = _answer(request, ask, request.log, reference, workers.seconds)
    conclusion, numbers = _conclude(reference, answer)
    reason = conclusion.reason
    is_own_and_wrong = request.is_vllms and conclusion.outcome is Outcome.WRONG_OUTPUT
    if is_own_and_wrong and _agrees_without_kernels(request, reference, workers):
        numbers["agrees_without_kernels"] = True
        reason += KERNEL
    if isinstance(answer, Answer) and answer.shims:
        numbers["shims"] = described(answer.shims)
        reason += remark(answer.shims)
    seconds = {"making": round(made - started, 2), "twin": round(time.monotonic() - made, 2)}  # parts: they are added
    lacks = sorted(_kinds(request.tensors) - _kinds(reference.tensors))
    if lacks:
        reason += f"; the twin has no tensors like {', '.join(lacks[:3])}, so it says nothing about these"
    return Verdict(
        stage=TWIN_STAGE.name,
        outcome=conclusion.outcome,
        reason=reason,
        device=request.engine.device,
        command=shlex.join([str(request.engine.python), str(SERVE)]),
        versions=request.engine.versions,
        digests=request.digests,
        seconds=seconds,
        log=str(request.log),
        numbers={**numbers, "tensors_the_twin_lacks": lacks},
    )


def _agrees_without_kernels(request: TwinRequest, reference: Reference, workers: Workers) -> bool:
    """Return whether the same code agrees where vLLM's layers take their PyTorch path, without kernels."""
    log = request.log.with_suffix(".native.log")
    with workers.server(request.engine, request.scratch, log) as ask:
        answer = _answer(request, ask, log, reference, workers.seconds, native_layers=True)
    return _conclude(reference, answer)[0].outcome is Outcome.PASSED


def _kinds(names: Iterable[str]) -> set[str]:
    """Return names without their numbers, scales of quantised weights left out: a twin has none."""
    return {re.sub(r"\.\d+(?=\.|$)", ".*", name) for name in names if not SCALE.search(name)}


def _made_before(request: TwinRequest) -> Reference | None:
    """Return the reference of a twin that is there already."""
    kept = request.scratch / REFERENCE
    return last_line(kept.read_text(encoding="utf-8"), Reference, "reference") if kept.is_file() else None


def _make(request: TwinRequest, workers: Workers) -> Reference:
    asked = {
        "checkpoint": str(request.checkpoint.resolve()),
        "overrides": dict(request.overrides),
        "destination": str(request.scratch / "twin"),
        "trust_remote_code": request.trust_remote_code,
        "new_tokens": NEW_TOKENS,
        "vocabulary": request.vocabulary,
        "renames": request.renames,
    }
    ended = workers.make(request.engine, request.scratch, json.dumps(asked))
    if ended.returncode is None:
        raise _not_in_time(request, workers.seconds)
    if ended.returncode != 0:
        raise _no_twin(request, ended.errors.strip()[-600:])
    try:
        reference = last_line(ended.output, Reference, "reference")
        (request.scratch / REFERENCE).write_text(json.dumps(unstructure(reference)), encoding="utf-8")
        return reference
    except ValueError as error:
        raise _no_twin(request, f"the process that makes it answered something else: {error}") from error


def _not_in_time(request: TwinRequest, seconds: float) -> Problem:
    """Return that making took too long, which says nothing of the model."""
    return Problem(
        f"the twin was not made within {seconds:g} s",
        where=str(request.checkpoint),
        expected="a small random copy and its answers, which mostly take less than a minute",
        remedy="this says nothing of the model: see what else keeps this machine busy (uptime), then call it again, or "
        "give it longer (--twin-seconds)",
    )


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


def _answer(
    request: TwinRequest, ask: Ask, log: Path, reference: Reference, seconds: float, native_layers: bool = False
) -> Answer | Conclusion:
    """Return what the twin answers, or why it does not; ``native_layers`` go through PyTorch, not through kernels."""
    asked = {
        "twin": str(request.scratch / "twin"),
        "reference": unstructure(reference),
        "plugin": request.adapter and {**unstructure(request.adapter), "source": str(request.adapter.source)},
        "model_impl": request.model_impl,
        "dtype": "float32",
        "native_layers": native_layers,
        "trust_remote_code": request.trust_remote_code,
    }
    ended = ask(json.dumps(asked) + "\n")
    if ended.returncode is None:
        return Conclusion(Outcome.TIMED_OUT, f"no answer in {seconds:g} s: where it is only slow, pass --twin-seconds")
    with log.open("a", encoding="utf-8") as file:
        file.write(ended.output)
    if ended.returncode != 0:
        return Conclusion(Outcome.STARTUP_FAILED, _error(log))
    try:
        answer = last_line(ended.output, Answer, "answer")
        if (len(answer.logprobs), len(answer.greedy)) != (len(reference.logprobs), len(reference.greedy)):
            raise ValueError(f"{len(answer.logprobs)} log probabilities, {len(answer.greedy)} tokens")
        return answer
    except ValueError as error:
        return Conclusion(Outcome.STARTUP_FAILED, f"an answer that does not fit: {error}")


def _error(log: Path) -> str:
    """Return the last exception that a log names; warnings of exceptions that were dealt with do not count."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if "WARNING" not in line]
    raised = [line for line in lines if re.match(r"(\(.*?\) )?(ERROR .*?\] )?[\w.]*(Error|Exception)\b", line)]
    return raised[-1].strip()[:400] if raised else "the process ended without an answer"


def _quantile(gaps: Sequence[float], share: float) -> float:
    """Return the smallest of the gaps that is not below this share of them; NaN where one is NaN."""
    if any(map(math.isnan, gaps)):
        return math.nan
    return sorted(gaps)[max(0, math.ceil(share * len(gaps)) - 1)]


def _conclude(reference: Reference, answer: Answer | Conclusion) -> tuple[Conclusion, dict[str, Any]]:
    """Return the conclusion, and the numbers behind it."""
    if isinstance(answer, Conclusion):
        return Conclusion(answer.outcome, f"the twin could not be served: {answer.reason}"), {}
    gaps = [abs(a - b) for a, b in zip(reference.logprobs, answer.logprobs)]
    largest = math.nan if any(map(math.isnan, gaps)) else max(gaps)
    same = 0
    while same < NEW_TOKENS and reference.greedy[same] == answer.greedy[same]:
        same += 1
    numbers = {
        "largest_logprob_difference": or_none(largest),
        "median_logprob_difference": or_none(_quantile(gaps, 0.5)),
        "p95_logprob_difference": or_none(_quantile(gaps, 0.95)),
        "greedy_tokens_agreeing": same,
        "tolerance": TOLERANCE,
    }
    said = f"log probabilities differ by at most {largest:.1e}, {same} of {NEW_TOKENS} greedy tokens agree"
    if largest <= TOLERANCE and same == NEW_TOKENS:
        return Conclusion(Outcome.PASSED, said), numbers
    parts = replace(answer.parts, off=None if answer.parts.off is None else or_none(answer.parts.off))
    place = " ".join(filter(None, (parts.layer, parts.block)))
    wrong = Conclusion(Outcome.WRONG_OUTPUT, f"wrong: {said}; it parts from transformers at {place}")
    return wrong, {**numbers, "parts": unstructure(parts)}
