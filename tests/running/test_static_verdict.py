"""Stage static on record: what its verdict says, what is allowed, and what stops a commit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scaffold.ascend.compatibility import Compatibility
from scaffold.ascend.fate import Kernel, Outcome
from scaffold.ascend.soc import LIMITS, SOCS, Limited
from scaffold.ascend.trees import Site
from scaffold.checkpoint.ascend_paths import DEQUANTISE, DEVICES, NOT_SUPPORTED, RUNS, Answer
from scaffold.common.errors import CheckFailed
from scaffold.running.static import Serving, StaticReport
from scaffold.running.static_stops import KINDS
from scaffold.running.static_verdict import verdict_of
from scaffold.strategy.gate import Gate
from scaffold_validators.verdict import Verdict
from tests.verdicts import check_sign_off, make_verdict

ROOT = Path("/trees")
CLEAN = StaticReport(
    "LlamaForCausalLM", Serving("m", "LlamaForCausalLM"), Gate(notes=("a note",)), (), None, (ROOT, ROOT), Path("/c")
)
ON_310P = Compatibility("m", "0.23.0", (), (), (), (), (), (), (), (), (), SOCS["310P"])


def verdict(report: StaticReport) -> Verdict:
    return verdict_of(report, {"tree": "t"}, {"vllm": "0.32.0"}, 1.234)


def test_a_report_without_a_stop_passes_and_says_what_was_not_looked_at() -> None:
    said = verdict(CLEAN)
    assert (said.stage, said.outcome.value, said.device) == ("static", "passed", "")
    assert said.reason == "tensors, imports and calls of m:LlamaForCausalLM hold (a note); kernels not looked at"
    assert (said.digests, said.seconds) == ({"tree": "t"}, {"static": 1.23})


def test_a_stop_is_a_finding_with_its_kind_and_what_to_do() -> None:
    said = verdict(replace(CLEAN, weights=Gate(("nothing fills a.weight",)), code=("line 3: no 'x'",)))
    assert said.outcome.value == "stopped"
    assert said.outcome.word == "failed"
    assert (said.cause, said.signature) == ("nothing fills a.weight", "static-weights")
    assert [finding.id for finding in said.findings] == ["static-weights", "static-code"]
    assert said.next_step.endswith("where it is harmless, pass --allow static-weights")


def test_what_is_allowed_stops_nothing_and_stays_on_record() -> None:
    said = verdict(replace(CLEAN, code=("line 3: no 'x'",), allow=("static-code", "static-kernels")))
    assert said.outcome.value == "passed"
    assert said.allowed == ("static-code",)
    assert [finding.id for finding in said.findings] == ["static-code"]


def test_a_limit_of_the_generation_stops_only_where_the_model_meets_it_in_any_case() -> None:
    limit = next(row for row in LIMITS if row.builds == "MLAAttention")
    site = Site(ROOT / "runner.py", 7)
    met, perhaps = Limited(limit, site), Limited(limit, site, "use_mla")
    assert [str(s) for s in replace(CLEAN, compatibility=replace(ON_310P, limits=(met,))).stops] == [
        "limits: 310P: no latent attention (runner.py:7)"
    ]
    assert replace(CLEAN, compatibility=replace(ON_310P, limits=(perhaps,))).stops == ()


def test_kernels_and_limits_are_on_record_by_name() -> None:
    site = Site(ROOT / "runner.py", 7)
    limited = Limited(next(row for row in LIMITS if row.builds == "MLAAttention"), site, "use_mla")
    kernels = (
        Kernel(Outcome.REPLACED, "custom operator", "rms_norm", "vllm", (site,), "by", site),
        Kernel(Outcome.REPLACED, "custom operator", "add", "vllm", (site,), "by", site),
        Kernel(Outcome.TRITON, "Triton", "scan", "vllm", (site,), "by", site, only_if="in prefill"),
    )
    numbers = verdict(replace(CLEAN, compatibility=replace(ON_310P, kernels=kernels, limits=(limited,)))).numbers
    assert numbers["kernels"] == {"Triton": 1, "replaced": 2}
    assert numbers["kernel_names"] == {"Triton": ["scan (in prefill)"], "replaced": ["add", "rms_norm"]}
    assert numbers["limits"] == ["no latent attention (use_mla)"]
    assert (verdict(CLEAN).numbers["kernel_names"], verdict(CLEAN).numbers["limits"]) == (None, [])


@pytest.mark.parametrize(("path", "stops"), [(NOT_SUPPORTED, ["static-quantisation"]), (RUNS, [])])
def test_a_quantisation_that_is_not_served_stops(path: str, stops: list[str]) -> None:
    report = replace(CLEAN, compatibility=ON_310P, quantisation=Answer("310P", path, "why", "file"))
    assert [stop.id for stop in report.stops] == stops
    assert replace(report, compatibility=None).stops == ()


def test_weights_that_somebody_has_to_dequantise_are_said_to_be_so() -> None:
    report = replace(CLEAN, compatibility=ON_310P, quantisation=Answer("310P", DEQUANTISE, "why", "file"))
    assert verdict(report).reason.endswith("no kernel stops it on 310P; quantised weights: dequantise at load: why")
    assert "quantised" not in verdict(replace(report, quantisation=Answer("310P", RUNS, "why", "file"))).reason


def test_a_stop_on_record_signs_nothing() -> None:
    shown = [make_verdict("real"), make_verdict("parity")]
    check_sign_off(shown, {})
    with pytest.raises(CheckFailed, match="stage static ended as failed"):
        check_sign_off([*shown, make_verdict("static", "stopped", device="")], {})


def test_rows_are_complete() -> None:
    assert set(DEVICES) == set(SOCS)
    assert all((kind.whose, kind.meaning, kind.remedy) for kind in KINDS.values() for kind in (kind,))
    assert {limit.soc for limit in LIMITS} <= set(SOCS)
