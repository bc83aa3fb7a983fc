"""Points that verdicts and an evaluation show: each for exactly the present trees and checkpoint."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from itertools import takewhile

from scaffold.common.errors import CheckFailed
from scaffold.delivery.figures import check_figures
from scaffold.delivery.gate.case import Case
from scaffold.delivery.gate.point import Answer, missing, reasoned, refused, shown
from scaffold.delivery.measured import accuracy_rows, benchmark_rows
from scaffold.delivery.sign_off import check_accuracy, check_none_failed, check_parity, check_required, parity_proof
from scaffold_validators.openai_api import Exchange
from scaffold_validators.results.feature import State as FeatureState
from scaffold_validators.shims.engine import is_stand_ins
from scaffold_validators.stages.stage import Counts
from scaffold_validators.verdict import Verdict

SETTING = re.compile(r"[A-Za-z_]\w*=")
"""How a variable of a command begins."""
PICTURE = "image_url"
"""How a request says that a part of it is a picture (OpenAI's API: chat completions)."""


def real(case: Case) -> Answer:
    """Look for the stages that have to pass."""
    unproved = _unproved(case)
    if unproved is not None:
        return unproved
    required = [v for s in case.stages if s.counts is Counts.REQUIRED for v in case.passed(s.name)]
    return shown(
        "; ".join(f"{v.stage}, tensor-parallel {v.tensor_parallel_size}, {v.device}" for v in required), _logs(required)
    )


def _unproved(case: Case) -> Answer | None:
    """Return why no stage with the checkpoint's own weights counts; None if those that have to pass did."""
    try:
        check_required(case.verdicts, case.digests, case.accepted_device, case.stages, case.calls)
    except CheckFailed as error:
        return refused(error)
    return None


def none_failed(case: Case) -> Answer:
    """Look for failures of stages that count."""
    try:
        check_none_failed(case.verdicts, case.digests, case.stages)
    except CheckFailed as error:
        return refused(error)
    names = dict.fromkeys(v.stage for v in case.verdicts if v.holds_for(case.digests) and v.passed)
    return shown(f"passed: {', '.join(names)}" if names else "none was run")


def served(case: Case) -> Answer:
    """Look at the command that served: direct, of this checkpoint, without a path of its own."""
    unproved = _unproved(case)
    if unproved is not None:
        return unproved
    passed = case.passed("real")
    wrong = {v.command: _not_direct(v.command, case) for v in passed}
    at_fault = next((command for command, why in wrong.items() if why), None)
    if at_fault is not None:
        return missing(f"{wrong[at_fault]}: {at_fault}", _logs(passed))
    return shown(passed[0].command, _logs(passed))


def _not_direct(command: str, case: Case) -> str:
    """Return what is wrong with a command; empty if nothing is."""
    words = shlex.split(command)
    settings = list(takewhile(lambda word: SETTING.match(word) is not None, words))
    places = [word.partition("=")[2] for word in settings if word.startswith("PYTHONPATH=")]
    if not all(map(is_stand_ins, places)):  # which stand in for wrong kernels, on record
        return "served with a PYTHONPATH"
    direct = words[len(settings) :]
    if direct[:2] != ["vllm", "serve"]:
        return "not served by vllm serve directly"
    if direct[2:3] != [str(case.checkpoint.resolve())]:
        return f"served something else than {case.checkpoint}"
    return ""


def requests(case: Case) -> Answer:
    """Look for answers with text: of a request for text, and of one with a picture where the model takes pictures."""
    unproved = _unproved(case)
    if unproved is not None:
        return unproved
    passed = case.passed("real")
    answered = [e for v in passed for e in v.exchanges if e.answered]
    texts = [e for e in answered if not _has_picture(e)]
    pictures = [e for e in answered if _has_picture(e)]
    if not texts:
        return missing("no request for text was answered with text", _logs(passed))
    if case.is_multimodal and not pictures:
        return missing("no request with a picture was answered, and the model takes pictures", _logs(passed))
    said = f"text: {texts[0].content[:60]!r}"
    return shown(f"{said}; picture: {pictures[0].content[:60]!r}" if pictures else said, _logs(passed))


def _has_picture(exchange: Exchange) -> bool:
    messages = (exchange.request or {}).get("messages")
    contents = [m.get("content") for m in messages if isinstance(m, dict)] if isinstance(messages, list | tuple) else []
    parts = [part for content in contents if isinstance(content, list | tuple) for part in content]
    return any(isinstance(part, dict) and part.get("type") == PICTURE for part in parts)


def dummy(case: Case) -> Answer:
    """Look at random weights, where they were used."""
    verdicts = case.current("dummy")
    failed = [v for v in verdicts if v.failed]
    if failed:
        return _reason(case, "dummy") or missing(
            f"stage dummy ended as {failed[0].outcome.word}: {failed[0].reason}", _logs(failed)
        )
    if verdicts:
        return shown(verdicts[0].reason, _logs(verdicts))
    if not case.passed("real"):
        return _reason(case, "dummy") or missing("neither random nor the checkpoint's own weights were served")
    return reasoned("not used: the checkpoint's own weights were served")


def parity(case: Case) -> Answer:
    """Look for one of the proofs of parity."""
    proof = parity_proof(case.verdicts, case.digests, case.accepted_device)
    if proof:
        return shown("; ".join(f"{v.stage}: {v.reason}" for v in proof), _logs(proof))
    return _reason(case, "parity") or _checked(
        lambda: check_parity(case.verdicts, case.digests, case.accepted_device, case.calls)
    )


def features(case: Case) -> Answer:
    """Look for the features, each tried, or with the reason why it was not."""
    verdicts = case.current("features")
    if not verdicts or not verdicts[0].features:
        return _reason(case, "features") or missing(_not_run("features", case))
    results = verdicts[0].features
    states = ", ".join(f"{r.feature} {r.state.value}" for r in results)
    untried = [f"{r.feature}: {r.evidence}" for r in results if r.state is FeatureState.NOT_TRIED]
    if not untried:
        return shown(states, _logs(verdicts))
    return reasoned(f"{states} ({'; '.join(untried)})", _logs(verdicts))


def capacity(case: Case) -> Answer:
    """Look for the length that was seen to serve."""
    verdicts = [v for v in case.current("capacity") if v.capacity is not None]
    if not verdicts:
        return _reason(case, "capacity") or missing(_not_run("capacity", case))
    found = verdicts[0].capacity
    assert found is not None
    if found.practical_len is None:
        return _reason(case, "capacity") or missing(
            f"no length was seen to serve: {verdicts[0].reason}", _logs(verdicts)
        )
    loads = ", ".join(f"{load.answered} of {load.sequences} at once" for load in found.loads)
    return shown(f"{found.practical_len} tokens{f', answered {loads}' if loads else ''}", _logs(verdicts))


def accuracy(case: Case) -> Answer:
    """Look for the evaluation, and for its figures, and no others, in the documents."""
    try:
        check_accuracy(case.accuracy, case.digests, case.excuses.accuracy_pending, case.calls)
        _check_documents(case)
    except CheckFailed as error:
        return refused(error)
    if case.accuracy is None:
        return reasoned(case.excuses.accuracy_pending)
    figures = ", ".join(f"{task} {metric} {value}" for task, metric, value in case.accuracy.figures())
    return shown(figures, case.accuracy.results)


def _check_documents(case: Case) -> None:
    texts = case.held(case.config), case.held(case.tutorial)
    if texts[0] is None or texts[1] is None:
        return  # points of their own say so
    found = case.accuracy
    figures = {(task, metric): value for task, metric, value in found.figures()} if found is not None else {}
    rows = (*accuracy_rows(found), *benchmark_rows(case.benchmark))
    check_figures(texts[0], texts[1], figures, rows, (str(case.config), str(case.tutorial)), case.calls)


def _not_run(stage: str, case: Case) -> str:
    if any(verdict.stage == stage for verdict in case.verdicts):
        return f"stage {stage} was run on another state of tree or checkpoint"
    return f"stage {stage} has not been run"


def _reason(case: Case, point: str) -> Answer | None:
    said = case.excuses.reason(point)
    return reasoned(said) if said else None


def _checked(check: Callable[[], None]) -> Answer:
    try:
        check()
    except CheckFailed as error:
        return refused(error)
    return shown("")


def _logs(verdicts: Sequence[Verdict]) -> str:
    return ", ".join(dict.fromkeys(v.log or f"record {v.evidence[:16]}" for v in verdicts))
