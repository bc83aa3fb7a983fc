"""Adapters with a deliberate fault: they load, they answer 200 with text, and stage P tells that they are wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.conftest import Shop
from tests.lab.checkpoints import checkpoint

pytestmark = pytest.mark.engine


@dataclass(frozen=True)
class Fault:
    """A text in a generated adapter, and what a careless author would have written."""

    row: str
    module: str
    right: str
    wrong: str


FAULTS = {
    "a norm dropped": Fault(
        "helium",
        "helium",
        "hidden_states, residual = self.post_attention_layernorm(hidden_states, residual)",
        "hidden_states = residual = hidden_states + residual",
    ),
    "the rotation's halves swapped": Fault("helium", "helium", "            is_neox_style=False,\n", ""),
    "the router's correction ignored": Fault(
        "solar-open",
        "solar_open",
        "e_score_correction_bias=self.gate.e_score_correction_bias,",
        "e_score_correction_bias=torch.zeros_like(self.gate.e_score_correction_bias),",
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_passes_stage_b_and_fails_stage_p(shop: Shop, fault: Fault) -> None:
    shop.main_job(fault.row)
    adapter = shop.place.vllm / "vllm/model_executor/models" / f"{fault.module}.py"
    assert adapter.read_text().count(fault.right) == 1
    with shop.edited(adapter, lambda text: text.replace(fault.right, fault.wrong)):
        answer = shop.validate(fault.row, "parity")
        refused = shop.run("commit", checkpoint(fault.row), "--work", shop.place.work, "--accept-device", "cpu")
    assert answer.code == 1
    assert answer.outcomes() == {("real", 1): "passed", ("parity", 1): "failed"}, answer.said
    parity = answer.document["verdicts"][1]
    assert parity["numbers"]["largest_logprob_difference"] > 1e-3
    assert refused.code == 1
    assert "stage parity ended as failed" in refused.document["error"]["found"]


def test_a_server_that_dies_on_its_first_request_is_false_ready(shop: Shop) -> None:
    shop.main_job("helium")  # its adapter serves this checkpoint, too
    planned = shop.new_model("helium-head16")
    assert planned.code == 0, planned.said
    answer = shop.validate("helium-head16", "real")
    assert answer.code == 1
    (verdict,) = answer.document["verdicts"]
    assert verdict["outcome"] == "false-ready"
    assert "cpu-head-size" in verdict["reason"]
    assert verdict["seconds"]["ended after death"] < 2
    assert processes_below(shop.place.root) == []


def processes_below(root: Path) -> list[str]:
    """Return the command lines of processes that were started from a directory's environment."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, ValueError, IndexError):
            continue
        if str(root) in command and "vllm" in command and state not in "ZX":
            found.append(command)
    return found
