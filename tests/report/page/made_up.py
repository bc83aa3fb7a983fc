"""A report in which there is something of everything, of a model that nobody has."""

from __future__ import annotations

from dataclasses import replace
from difflib import unified_diff
from functools import cache
from typing import Any

from scaffold.checkpoint.headers import TensorHeader
from scaffold.delivery.accuracy import Accuracy, Metric, Task
from scaffold.evidence.account import Account, Considered, KnownFact, KnownHole, NearModel, OnPaper, PaperCapacity
from scaffold.report.page.weights import Weights, weights_of
from scaffold.report.value import (
    Answered,
    ChangedFile,
    Climb,
    Command,
    CommitMade,
    FeatureRow,
    Identity,
    Limit,
    LogLine,
    ProofRow,
    Report,
    Role,
    RootCause,
    Run,
    Runbook,
    Shown,
    StaticList,
)
from scaffold.weights.prove import prove
from scaffold.weights.rules import WeightMap
from scaffold_validators.model_facts import ModelFacts
from scaffold_validators.outcome import Outcome
from scaffold_validators.results.capacity import CapacityResult, LengthTried, LoadTried
from scaffold_validators.results.feature import State
from scaffold_validators.results.ladder import LadderStep
from tests.verdicts import make_verdict

GIB = 2**30
SERVE = "cd /vllm-workspace && vllm serve /models/vega-moe --served-model-name vega-moe --tensor-parallel-size 8"
CAUSE = "RuntimeError: The size of tensor a (128) must match the size of tensor b (64) at non-singleton dimension 3"
STEPS = (
    LadderStep("eager", "--enforce-eager", Outcome.REQUEST_FAILED, CAUSE, "shape-mismatch", "e.log"),
    LadderStep("no-dynamo", "TORCHDYNAMO_DISABLE=1", Outcome.PASSED, "", "", "d.log"),
)


def large() -> tuple[WeightMap, dict[str, TensorHeader]]:
    """Return rules and headers of a checkpoint with 61 layers of 256 experts, quantised: 91,991 tensors."""
    from tests.bench.twin import CONFIG, tensors
    from tests.weights.by_hand import deepseek_v3_fp8

    return deepseek_v3_fp8(CONFIG), {name: TensorHeader(name, dtype, shape, "") for name, dtype, shape in tensors()}


@cache
def large_weights() -> Weights:
    """Return where these tensors go."""
    weight_map, headers = large()
    return weights_of(weight_map, prove(weight_map, headers, (1, 2, 4, 8, 16)), headers)


def history() -> tuple[Run, ...]:
    """Return runs: a server that failed, its ladder, and after a mend servers that passed."""
    log, cpu = "/vllm-workspace/.scaffold/vega-moe/logs/{}.log", {"versions": {"vllm": "0.32.0"}, "command": SERVE}
    failed: dict[str, Any] = {"signature": "shape-mismatch", "cause": CAUSE, "next_step": "compare head_dim"}
    parts = [
        make_verdict("static", seconds={"static": 2.1}, log="", reason="nothing speaks against a server", **cpu),
        make_verdict("twin", seconds={"twin": 31.0}, log="", reason="largest difference 1.9e-06", **cpu),
        make_verdict(
            "dummy", "request-failed", seconds={"ready": 92.0, "requests": 4.2}, log=log.format("dummy-tp8"),
            reason="/v1/completions: status 500", tensor_parallel_size=8, **failed, **cpu,
        ),
        make_verdict(
            "ladder", "request-failed", log=log.format("dummy-tp8"), tensor_parallel_size=8, steps=STEPS,
            reason="stage dummy: it is about what is traced, not about the graphs", **failed, **cpu,
        ),
        make_verdict(
            "dummy", seconds={"ready": 88.4, "requests": 6.1}, log=log.format("dummy-tp8-2"),
            reason="ready, 2 requests answered", tensor_parallel_size=8, **cpu,
        ),
        *(
            make_verdict(
                stage, seconds=taken, log=log.format("real-tp8"), tensor_parallel_size=8, reason=reason, **cpu
            )
            for stage, taken, reason in (
                ("real", {"ready": 214.0, "requests": 7.5}, "all weights loaded, 3 requests answered"),
                ("parity", {"parity": 41.0}, "log probabilities differ by 0.0021 at most"),
            )
        ),
    ]  # fmt: skip
    return tuple(Run(number, verdict, number > 4 or number < 3) for number, verdict in enumerate(parts, 1))


def report(**fields: Any) -> Report:
    """Return the report; ``fields`` in place of its own."""
    runs = history()
    facts = (
        KnownFact("layers", "61: latent attention; 3 dense, 58 with experts", ("config: first_k_dense_replace (3)",)),
        KnownFact("hidden_size", "7168", ("config: hidden_size", "tensor: model.norm.weight (7168)")),
        KnownFact("routed experts", "256, 8 per token", ("config: n_routed_experts", "source: modeling_vega.py:311")),
        KnownFact("quantization", "fp8, blocks of 128 × 128", ("config: quantization_config",)),
    )
    paper = PaperCapacity(
        "config and headers", 131_072, 16, 70_272, "61 × (512 + 64) × 2 = 70,272 bytes a token", "",
        (OnPaper(8, 79 * GIB, 8 * GIB, 14, False, ""), OnPaper(16, 40 * GIB, 8 * GIB, 41, True, ""),
         OnPaper(3, 0, None, None, False, "128 heads cannot be shared evenly by 3 ranks")),
        ("Atlas 800I A2 (8 × 64 GiB): 2 nodes",), ("dequantised while it is loaded",),
    )  # fmt: skip
    account = Account(
        "digest", "vega/Vega-MoE", "vega_moe", ("text",), "vllm-ascend", facts,
        (KnownHole("rope", "whether long prompts use another base", "modeling_vega.py:97"),), (),
        (Considered("none", False, "vLLM does not know VegaMoeForCausalLM"),
         Considered("native", True, "its weights are proved, and no existing class takes them")),
        (NearModel("DeepseekV3ForCausalLM", "0.32.0", 0.94, ("mlp.scale",), (), ("router: sigmoid, there softmax",), "",
                   ("router_scale",)),),
        91_991, 688_600_000_000, 90_427, 1_564, (), (), (1, 2, 4, 8, 16), {}, ModelFacts(), paper,
    )  # fmt: skip
    start = Command(SERVE, "record", "passed")
    probe = Command("curl -fsS http://127.0.0.1:8000/v1/models", "record", "passed")
    made = Report(
        identity=Identity(
            "vega-moe", "VegaMoeForCausalLM", "native", "vllm-ascend", "vega/Vega-MoE", "/models/vega-moe",
            "/vllm-workspace/vllm", "/vllm-workspace/vllm-ascend", "/vllm-workspace",
        ),
        account=account,
        account_holds=True,
        basis="present",
        summary="61 layers, latent attention, 256 experts",
        changes=changes(),
        history=runs,
        causes=(),
        false_ready=(
            RootCause(3, "dummy", 8, "false-ready", CAUSE, "shape-mismatch", "two sizes", "compare head_dim", True),
        ),
        climbs=(
            Climb(
                4,
                STEPS,
                "it is about what is traced, not about the graphs",
            ),
        ),
        answers=(
            Answered(
                "real", "/v1/completions", '{"model": "vega-moe", "prompt": "The capital of France is"}', 200,
                " Paris, and it has been since 987.", 6, 16, 0.84, "length",
            ),
        ),
        log_lines=(LogLine("real-tp8.log", 811, "Loading weights took 187.30 seconds"),),
        features=(
            FeatureRow("aclgraph", "ACLGraph", State.VERIFIED, "Capturing ACL graphs: 100%"),
            FeatureRow("expert-parallel", "Expert parallel", State.NOT_TRIED, "one device"),
            FeatureRow("mtp", "MTP", State.CHECKPOINT_LACKS, "num_nextn_predict_layers is 1, no tensors of it"),
            FeatureRow("flashcomm1", "FlashComm1", State.UNSUPPORTED, "RuntimeError: not for this layer"),
            FeatureRow("multimodal", "Multimodal", None, ""),
        ),
        capacity=CapacityResult(
            163_840, 131_072, 402_688,
            (LengthTried(131_072, 16, True, "GPU KV cache size: 402,688 tokens", "c.log"),
             LengthTried(163_840, 16, False, "not enough memory for the KV cache", "d.log", 141_000)),
            (LoadTried(16, 16, 4096, 61.5, 0),),
        ),
        capacity_outcome="passed",
        proofs=(
            ProofRow("architecture", Shown.YES, Shown.YES),
            ProofRow("weight-names", Shown.CANNOT, Shown.YES),
            ProofRow("shards", Shown.CANNOT, Shown.NOT_RUN),
        ),
        static=StaticList("passed", "nothing speaks against a server", "scaffold static /models/vega-moe",
                          "vllm_ascend.models.vega_moe", "ascend910b", {"replaced": 12, "torch": 48}, (), (),
                          ("a function that is made at run time",)),
        accuracy=Accuracy(
            tasks=(Task("gsm8k", (Metric("exact_match,strict-match", 0.9121, 0.0078),), 5, 1319, 1319),),
            chat_template=True, fewshot_as_multiturn=False, model="local-completions", model_args="",
            date="2026-11-27T10:15", lm_eval_version="0.4.13", results="results.json", results_sha256="", digests={},
        ),
        accuracy_holds=True,
        runbook=Runbook(
            stage="real", device="npu", outcome="passed", is_current=True, is_redacted=False, start=start, probe=probe,
            requests=(), answers=(), is_eager=False, eager=Command(f"{SERVE} --enforce-eager", "derived"),
            no_dynamo=Command(f"TORCHDYNAMO_DISABLE=1 {SERVE}", "derived", "passed"),
            stop=Command("pkill -INT -f '[v]llm serve /models/vega-moe'", "written"),
        ),
        limits=(Limit("feature-fails", "flashcomm1"), Limit("hole", "whether long prompts use another base")),
        commit=CommitMade("4be1f0c9a7d25e83", "[Model] Add Vega-MoE", "2026-11-27", "N", True, ("a", "b")),
        tool="0.1.0",
    )  # fmt: skip
    return replace(made, **fields)


def changes() -> tuple[ChangedFile, ...]:
    """Return an adapter that was made, and a registry that was edited."""
    registry = ["from .deepseek import DeepseekForCausalLM\n", "\n", "MODELS = {\n", "}\n"]
    edited = [*registry[:3], '    "VegaMoeForCausalLM": "vllm_ascend.models.vega_moe:VegaMoeForCausalLM",\n', "}\n"]
    adapter = ["class VegaMoeForCausalLM(nn.Module):\n", '    """Vega-MoE."""\n', "\n", "    ---odd = 1\n"]
    name = "vllm_ascend/models/"
    pairs = (("__init__.py", registry, edited, Role.REGISTRATION), ("vega_moe.py", [], adapter, Role.ADAPTER))
    return tuple(
        ChangedFile(
            "delivery", name + path, role, not before, len(after) - len(before), 0,
            "".join(unified_diff(before, after, f"a/{name}{path}" if before else "/dev/null", f"b/{name}{path}")),
        )
        for path, before, after, role in pairs
    )  # fmt: skip
