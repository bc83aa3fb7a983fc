"""The report of a large model that nobody has: a weight map of 91,991 tensors, eight ranks, a mended fault."""

from __future__ import annotations

from dataclasses import replace
from difflib import unified_diff
from functools import cache
from typing import Any

from scaffold.checkpoint.headers import TensorHeader
from scaffold.report.causes import causes_of, climbs_of, false_ready_of
from scaffold.report.page.weights import Weights, weights_of
from scaffold.report.value import ChangedFile, Identity, Report, Role, Run
from scaffold.weights.prove import prove
from scaffold.weights.rules import WeightMap
from scaffold_validators.outcome import Outcome
from scaffold_validators.results.ladder import LadderStep
from tests.report.samples import full
from tests.verdicts import make_verdict

SERVE = "vllm serve /models/Vega-MoE --served-model-name Vega-MoE --tensor-parallel-size 8"
CAUSE = "RuntimeError: The size of tensor a (128) must match the size of tensor b (64) at non-singleton dimension 3"
TRACING = "the cause is in tracing by torch.compile, in eager mode too: of a vision tower, often a resize"
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
    log = "/vllm-workspace/.scaffold/Vega-MoE/logs/{}.log"
    failed: dict[str, Any] = {"signature": "shape-mismatch", "cause": CAUSE, "next_step": "compare head_dim"}
    agrees = "log probabilities differ by at most {}, 32 of 32 greedy tokens agree"
    answered = "{} requests answered, log clean"
    tells = f"stage dummy: with step no-dynamo it passes: {TRACING}"
    first, second, real = "dummy-tp8", "dummy-tp8-2", "real-tp8"
    rows: tuple[tuple[str, str, str, dict[str, float], str, dict[str, Any]], ...] = (
        ("static", "passed", "", {"static": 2.1}, "no kernel stops it on A2", {}),
        ("twin", "passed", "", {"twin": 31.0}, agrees.format("1.9e-06"), {}),
        ("dummy", "request-failed", first, {"ready": 92.0, "requests": 4.2}, "/v1/completions: status 500", failed),
        ("ladder", "request-failed", first, {}, tells, {**failed, "steps": STEPS}),
        ("dummy", "passed", second, {"ready": 88.4, "requests": 6.1}, answered.format(2), {}),
        ("real", "passed", real, {"ready": 214.0, "requests": 7.5}, answered.format(3), {}),
        ("parity", "passed", real, {"parity": 41.0}, agrees.format("0.0021"), {}),
    )
    verdicts = [
        make_verdict(
            stage, outcome, log=log.format(name) if name else "", seconds=seconds, reason=reason, command=SERVE,
            tensor_parallel_size=8 if name else 1, versions={"vllm": "0.32.0"}, **more,
        )
        for stage, outcome, name, seconds, reason, more in rows
    ]  # fmt: skip
    return tuple(Run(number, verdict, not verdict.failed) for number, verdict in enumerate(verdicts, 1))


def report(**fields: Any) -> Report:
    """Return the report; ``fields`` in place of its own."""
    whole, runs = full(), history()
    causes, account = causes_of(runs), whole.account
    made = replace(
        whole,
        identity=Identity(
            "Vega-MoE", "VegaMoeForCausalLM", "native", "vllm-ascend", "vega/Vega-MoE", "/models/Vega-MoE",
            "/vllm-workspace/vllm", "/vllm-workspace/vllm-ascend", "/vllm-workspace",
        ),
        account=account and replace(account, tensors=91_991, num_bytes=688_586_727_753),
        summary="layers 61, experts 256",
        changes=changes(),
        history=runs,
        causes=causes,
        false_ready=false_ready_of(causes),
        climbs=climbs_of(runs),
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
