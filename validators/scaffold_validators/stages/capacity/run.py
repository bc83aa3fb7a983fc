"""Runs stage capacity: the baseline, then the largest length that serves, then more sequences under real load.

vLLM's own error says which length would fit, so that a search takes two or three starts. What is not answered in time
says nothing of what fits: no shorter length is looked for then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scaffold_validators.counted import counted
from scaffold_validators.openai_api import Client
from scaffold_validators.outcome import Conclusion, Outcome
from scaffold_validators.results.capacity import CapacityResult, LengthTried, LoadTried
from scaffold_validators.stages import conclude
from scaffold_validators.stages.capacity.load import load, long_prompt
from scaffold_validators.stages.capacity.log import derived, fits, kv_cache_tokens
from scaffold_validators.stages.stage import Answers, Gate, Served, Stage
from scaffold_validators.stages.visit import Part, visit
from scaffold_validators.verdict import Verdict

BASELINE_LEN = 131072
BASELINE_SEQS = 16
"""vllm-ascend: .agents/skills/vllm-ascend-model-adapter, section 6."""
LOADS = (32, 64)
MOST_STARTS = 3
"""For the search; one more for the sequences."""


def run_capacity(gate: Gate, stage: Stage) -> Verdict:
    """Return one verdict: it passes where the baseline serves, or, with a search, where any length does.

    Raises:
        Problem: the port is taken, or there is no ``vllm`` command.
    """
    theoretical = gate.facts.max_model_len
    wanted: int | None = min(BASELINE_LEN, theoretical or BASELINE_LEN)
    lengths: list[LengthTried] = []
    verdict: Verdict | None = None
    holds: int | None = None
    while wanted is not None and len(lengths) < MOST_STARTS:
        gate.report(f"capacity: {wanted} tokens, {BASELINE_SEQS} sequences")
        verdict, tried, log = _try_length(gate, stage, wanted)
        lengths.append(tried)
        holds = kv_cache_tokens(log) if tried.serves else holds
        theoretical = derived(log) or theoretical
        late = verdict.outcome is Outcome.TIMED_OUT  # says nothing of what fits
        wanted = None if tried.serves or late else _next(lengths, derived(log), gate.search)
    assert verdict is not None
    practical = next((tried.max_model_len for tried in lengths if tried.serves), None)
    loads: tuple[LoadTried, ...] = ()
    if practical is not None:
        verdict, loads = _try_loads(gate, stage, practical, verdict)
    return _concluded(verdict, lengths, CapacityResult(theoretical, practical, holds, tuple(lengths), loads))


def _next(lengths: Sequence[LengthTried], limit: int | None, search: bool) -> int | None:
    """Return the length to try after one that does not serve, None where there is none to try.

    The model's own limit is tried without a search, too: more than that was never asked of it.
    """
    last = lengths[-1]
    if limit is not None and limit < last.max_model_len:
        return limit
    if not search:
        return None
    if last.fits is not None and last.fits < last.max_model_len:
        return last.fits
    return last.max_model_len // 2 or None


def _try_length(gate: Gate, stage: Stage, length: int) -> tuple[Verdict, LengthTried, str]:
    model, vocabulary = gate.plan.served_model_name, gate.vocab_size
    logs: list[str] = []

    def ask(client: Client) -> Answers:
        gate.report(f"one request of {length} tokens")
        answered = client.send(*long_prompt(model, length, vocabulary))
        if answered.status == 200 and answered.tokens:
            return Answers(numbers={"seconds": answered.seconds})
        said = f"a request of {length} tokens was answered {answered.status} with {str(answered.body)[:200]!r}"
        outcome = Outcome.TIMED_OUT if answered.timed_out else Outcome.REQUEST_FAILED
        return Answers(conclusion=Conclusion(outcome, said))

    def judge(served: Served, answers: Answers) -> Conclusion:
        logs.append(served.log)
        return conclude.judge(served, answers)

    plan = replace(gate.plan, max_model_len=length, max_num_seqs=BASELINE_SEQS, stage=stage.name)
    (verdict,) = visit(replace(gate, plan=plan), [Part(stage, ask, judge)], f"{stage.name}-{length}")
    log = logs[0] if logs else ""
    tokens = kv_cache_tokens(log)
    holds = f"KV cache of {tokens:,} tokens" if tokens is not None else "served"
    says = holds if verdict.passed else verdict.cause or verdict.reason
    tried = LengthTried(length, BASELINE_SEQS, verdict.passed, says, verdict.log, None if verdict.passed else fits(log))
    return verdict, tried, log


def _try_loads(gate: Gate, stage: Stage, length: int, before: Verdict) -> tuple[Verdict, tuple[LoadTried, ...]]:
    """Start once more, for the most sequences, and send that many at once; return the verdict and each load."""
    loads: list[LoadTried] = []

    def ask(client: Client) -> Answers:
        short: Conclusion | None = None
        for sequences in LOADS:
            if not client.alive():
                break
            gate.report(f"{sequences} requests at once")
            tried, late = load(client, gate.plan.served_model_name, sequences, length, gate.vocab_size)
            loads.append(tried)
            if short is None and tried.answered < sequences:
                said = f"of {sequences} requests at once {tried.answered} were answered"
                said += f", {late} not within {gate.patience.request_seconds:.0f} s" if late else ""
                short = Conclusion(Outcome.TIMED_OUT if late else Outcome.REQUEST_FAILED, said)
        return Answers(conclusion=short)

    plan = replace(gate.plan, max_model_len=length, max_num_seqs=max(LOADS), stage=stage.name)
    (verdict,) = visit(replace(gate, plan=plan), [Part(stage, ask, conclude.judge)], f"{stage.name}-load")
    seconds = {**before.seconds, **{f"load {name}": value for name, value in verdict.seconds.items()}}
    return replace(verdict, seconds=seconds), tuple(loads)


def _concluded(verdict: Verdict, lengths: Sequence[LengthTried], result: CapacityResult) -> Verdict:
    said = [f"theoretical length {result.theoretical_len or 'not known'}"]
    said.append(f"practical length {result.practical_len or 'none found'}, in {counted(len(lengths), 'start')}")
    said += [f"{tried.answered} of {tried.sequences} at once answered" for tried in result.loads]
    reason = "; ".join(said) if verdict.passed else "; ".join([*said, verdict.reason])
    baseline = lengths[0]
    if verdict.passed and not baseline.serves:
        reason += f"; {baseline.max_model_len} does not serve: {baseline.says[:300]}"
    return replace(verdict, reason=reason, capacity=result)
