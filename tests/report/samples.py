"""Reports of made-up models: one with all that a report can have, and one with nothing."""

from __future__ import annotations

from dataclasses import replace

from scaffold.delivery.accuracy import Accuracy, Metric, Task
from scaffold.delivery.benchmark import Benchmark
from scaffold.delivery.measured import CHECKPOINT
from scaffold.evidence.account import (
    Account,
    Considered,
    KnownFact,
    KnownHole,
    NearModel,
    OnPaper,
    PaperCapacity,
    RuleLine,
)
from scaffold.report.causes import causes_of, climbs_of, false_ready_of
from scaffold.report.commands import runbook_of
from scaffold.report.evidence import answers_of, static_of
from scaffold.report.features import features_of
from scaffold.report.limits import limits_of
from scaffold.report.proofs import proofs_of
from scaffold.report.value import ChangedFile, CommitMade, Identity, LogLine, Report, Role, Run
from scaffold_validators.diagnosis import Finding
from scaffold_validators.model_facts import Fact, ModelFacts
from scaffold_validators.openai_api import Exchange
from scaffold_validators.outcome import Outcome
from scaffold_validators.results.capacity import CapacityResult, LengthTried, LoadTried
from scaffold_validators.results.feature import FeatureResult, State
from scaffold_validators.results.ladder import LadderStep
from scaffold_validators.verdict import Verdict
from tests.verdicts import make_verdict

COMMAND = "HCCL_OP_EXPANSION_MODE=AIV vllm serve /models/Nova-7B --served-model-name Nova-7B --port 8123"
BODY = {"model": "Nova-7B", "prompt": "It's", "max_tokens": 16}
ANSWER = {
    "choices": [{"text": " noon.", "finish_reason": "length"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2},
}
DIED = Finding(
    "shape-mismatch", 7, "RuntimeError: shape", "two shapes do not fit", "look at the rotation", kind="model"
)


def full() -> Report:
    """Return a report with all that it can have."""
    history = _history()
    current = [run for run in history if run.is_current]
    account, causes, commit = _account(), causes_of(history), _commit()
    features, static = features_of(current, account), static_of(current)
    capacity = next(run.verdict.capacity for run in current if run.verdict.capacity)
    return Report(
        identity=Identity(
            "Nova-7B", "NovaForCausalLM", "native", "vllm", "org/Nova-7B", "/models/Nova-7B", "/v", "/a", "/workspace"
        ),
        account=account,
        account_holds=True,
        basis="present",
        summary="layers 3",
        changes=(
            ChangedFile("vllm", "vllm/model_executor/models/nova.py", Role.ADAPTER, True, 2, 0, "+a\n+b\n", True, True),
            ChangedFile("delivery", "docs/source/tutorials/models/index.md", Role.INDEX, False, 1, 1, "-a\n+b\n"),
            ChangedFile("delivery", "tests/e2e/models/configs/Nova-7B.yaml", Role.TEST_CONFIG, True, 0, 0, "", False),
        ),
        history=history,
        causes=causes,
        false_ready=false_ready_of(causes),
        climbs=climbs_of(history),
        answers=answers_of(current),
        log_lines=(LogLine("/workspace/.scaffold/real.log", 3, "INFO Loading weights took 9.1 seconds"),),
        features=features,
        capacity=capacity,
        capacity_outcome="passed",
        proofs=proofs_of(current, account),
        static=static,
        accuracy=_accuracy(),
        accuracy_holds=True,
        benchmark=_benchmark(),
        benchmark_holds=True,
        runbook=runbook_of(history),
        limits=limits_of(history, account, features, static, commit, True),
        commit=commit,
        tool="0.1.0",
    )


def empty() -> Report:
    """Return a report of a plan that kept nothing, and of which nothing was run."""
    features = features_of((), None)
    return Report(
        identity=Identity("Nova-7B", "NovaForCausalLM", "alias", "", "Nova-7B", "/m", "/v", "/a", "/w"),
        account=None,
        account_holds=False,
        basis="present",
        summary="",
        changes=(),
        history=(),
        causes=(),
        false_ready=(),
        climbs=(),
        answers=(),
        log_lines=(),
        features=features,
        capacity=None,
        capacity_outcome="",
        proofs=proofs_of((), None),
        static=None,
        accuracy=None,
        accuracy_holds=False,
        benchmark=None,
        benchmark_holds=False,
        runbook=None,
        limits=limits_of((), None, features, None, None, False),
        commit=None,
        tool="",
    )


def of_the_commit() -> Report:
    """Return one on the state that was committed, with old figures, a failed start and secrets in its command."""
    report = full()
    dummy = make_verdict("dummy", "startup-failed", device="cpu", command=f"{COMMAND} --api-key <redacted>")
    history = (Run(1, dummy, is_current=False),)
    account = replace(_account(), rules=_account().rules * 50, taken=None, near=(), holes=(), disagreements=())
    return replace(
        report,
        account=account,
        account_holds=False,
        basis="commit",
        history=history,
        causes=causes_of(history),
        accuracy_holds=False,
        benchmark_holds=False,
        runbook=runbook_of(history),
        limits=limits_of(history, account, report.features, None, None, False),
        commit=None,
        capacity=CapacityResult(None, None, None, (LengthTried(131072, 16, False, "out of memory", "log"),)),
        capacity_outcome="startup-failed",
    )


def _history() -> tuple[Run, ...]:
    """Return failures first, then what passed on an NPU."""
    exchange = Exchange("/v1/completions", BODY, 200, ANSWER, 0.25)
    at_first = {"cause": "RuntimeError: shape", "signature": DIED.id, "next_step": DIED.remedy, "findings": (DIED,)}
    steps = (
        LadderStep("again", "", Outcome.FALSE_READY, "RuntimeError: shape", DIED.id, "log"),
        LadderStep("eager", "--enforce-eager", Outcome.PASSED, "", "", "log"),
    )
    names = {"replaced": ["rms_norm", "silu_and_mul"], "Triton": ["chunk_scan (in prefill)"]}
    numbers = {
        "kernels": {"replaced": 2, "Triton": 1},
        "kernel_names": names,
        "limits": ["no fp8"],
        "soc": "A2",
        "served_by": "nova:Nova",
        "not_known": ["one"],
    }
    verdicts: list[tuple[Verdict, bool]] = [
        (make_verdict("static", numbers=numbers, device="", allowed=("late-warning",)), True),
        (make_verdict("real", "false-ready", reason="it died", command=COMMAND, **at_first), False),
        (make_verdict("ladder", "false-ready", reason="stage real: with step eager it passes", steps=steps), True),
        (make_verdict("twin", reason="log probabilities differ by at most 2.1e-06, 8 of 8 greedy tokens agree"), True),
        (make_verdict("dummy", reason="1 request answered, log clean", command=COMMAND), True),
        (
            make_verdict(
                "real",
                reason="1 request answered, log clean",
                command=COMMAND,
                exchanges=(exchange,),
                versions={"vllm": "0.32.0", "device": "910B3"},
                seconds={"start": 61.26, "requests": 0.5},
            ),
            True,
        ),
        (make_verdict("parity", "no-reference", reason="there is no reference: memory"), True),
        (make_verdict("features", reason="1 verified, 1 unsupported", features=_features()), True),
        (make_verdict("capacity", reason="theoretical length 4096", capacity=_capacity()), True),
    ]
    return tuple(Run(number, verdict, now) for number, (verdict, now) in enumerate(verdicts, start=1))


def _features() -> tuple[FeatureResult, ...]:
    return (
        FeatureResult("aclgraph", State.VERIFIED, "Graph capturing finished in 9 secs"),
        FeatureResult("expert-parallel", State.UNSUPPORTED, "it answers, and the log has no line"),
        FeatureResult("flashcomm1", State.NOT_TRIED, "a switch of vllm-ascend"),
        FeatureResult("mtp", State.CHECKPOINT_LACKS, "config num_nextn_predict_layers = 1; no tensor of such a layer"),
        FeatureResult("multimodal", State.NOT_APPLICABLE, "no picture"),
    )


def _capacity() -> CapacityResult:
    lengths = (
        LengthTried(131072, 16, False, "KV cache too small", "log", 4096),
        LengthTried(4096, 16, True, "KV cache of 65,536 tokens", "log"),
    )
    return CapacityResult(131072, 4096, 65536, lengths, (LoadTried(32, 32, 512, 4.2, 0), LoadTried(64, 64, 1024, 8.0)))


def _commit() -> CommitMade:
    files = ("docs/source/tutorials/models/Nova-7B.md", "vllm_ascend/models/nova.py")
    return CommitMade(
        "0" * 40,
        "[Model] Add Nova-7B",
        "2026-11-27T10:00:00+08:00",
        "G",
        True,
        files,
        "no reference",
        "",
        ("capacity: one card",),
    )


def _accuracy() -> Accuracy:
    tasks = (Task("gsm8k", (Metric("exact_match,strict-match", 0.8125, 0.01),), 5, 100, 1319),)
    return Accuracy(tasks, True, False, "local-completions", "", "0.4.13", "2026-11-27T10:15", "r.json", "1" * 64, {})


def _benchmark() -> Benchmark:
    command = ("vllm", "bench", "serve", "--model", CHECKPOINT, "--num-prompts", "200")
    figures = {"completed": 200.0, "output_throughput": 812.5, "mean_ttft_ms": 93.125}
    return Benchmark(command, figures, "npu", {"vllm": "0.32.0"}, "2026-11-27T10:40", "b.json", "3" * 64, {})


def _account() -> Account:
    near = NearModel(
        "Qwen3ForCausalLM", "0.32.0", 0.91, ("attention",), ("self_attn",), ("rope.style: a, b",), "", ("x",)
    )
    facts = ModelFacts(
        Fact(True, "config num_experts = 8"), Fact(True, "k"), Fact(False, "k"), Fact(False, "k"), 131072
    )
    rows = (OnPaper(1, 2**34, 2**31, 7, True, ""), OnPaper(16, 2**30, None, None, False, "4 heads"))
    return Account(
        checkpoint_digest="2" * 64,
        model_id="org/Nova-7B",
        model_type="nova",
        modalities=("text",),
        placement="vllm",
        facts=(
            KnownFact("attention, layers 1, 3", "4 heads, 2 KV heads of 8", ("config: num_attention_heads",)),
            KnownFact("quantization", "fp8", ("config: quantization_config",)),
            KnownFact("something new", "yes", ()),
        ),
        holes=(KnownHole("modeling_nova.py:9", "the gate", "a loop"),),
        disagreements=("config.json says 3, and the tensors say 4",),
        considered=(
            Considered("supported", False, "NovaForCausalLM is not in the registry"),
            Considered("native", True, "every block was recognised"),
        ),
        near=(near, replace(near, spec=None, unread="that of the checkpoint has holes")),
        tensors=39,
        num_bytes=2**34,
        taken=38,
        left_out=1,
        unknown=("model.odd",),
        rules=(RuleLine("model.{layer}.q", "model.{layer}.qkv", "q", "", 3, 99, ""),),
        proved_sizes=(1, 2),
        misfits={"8": ("4 heads cannot be shared by 8 ranks",)},
        feature_facts=facts,
        paper=PaperCapacity("names and shapes", 131072, 16, 192, "3 × 64", "", rows, ("Atlas: fits",), ("assumed",)),
        notes=("no processor stub: the checkpoint has no vision config and no image processor files",),
    )
