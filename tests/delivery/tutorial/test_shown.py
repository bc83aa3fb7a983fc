"""What a tutorial shows of gates: the command that served, the request that was sent, and nothing that was not."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scaffold.delivery.tutorial.shown import as_json, cell, inert, served, shown
from scaffold_validators.openai_api import Exchange
from scaffold_validators.results.capacity import CapacityResult, LoadTried
from scaffold_validators.results.feature import FeatureResult, State
from scaffold_validators.verdict import Verdict
from tests.drawn import examples
from tests.verdicts import make_verdict

COMMAND = (
    "PYTHONPATH=/ours HCCL_OP_EXPANSION_MODE=AIV vllm serve /tmp/x/nova --served-model-name nova "
    "--host 127.0.0.1 --port 8123 --enforce-eager --seed -1 --hf-overrides '{\"a\": 1}'"
)
ASKED = {"model": "nova", "prompt": "it's"}
TEXT = Exchange("/v1/completions", ASKED, 200, {"id": "c", "choices": [{"text": "so", "logprobs": None}]}, 0.1)
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 2000}}
IMAGE = Exchange(
    "/v1/chat/completions",
    {"messages": [{"role": "user", "content": [PICTURE]}]},
    200,
    {"choices": [{"message": {"content": "red"}}]},
    0.1,
)


def real(**fields: Any) -> Verdict:
    return make_verdict("real", **{"command": COMMAND, "exchanges": (TEXT,), **fields})


def test_the_command_is_the_one_that_served_but_for_place_and_port() -> None:
    found = shown([real()], "lab/nova")["serve"]["command"]
    assert found.splitlines()[:2] == ["export HCCL_OP_EXPANSION_MODE=AIV", ""]
    words = shlex.split(found.partition("\n\n")[2].replace("\\\n", ""))
    expected = ["vllm", "serve", "lab/nova", "--served-model-name", "nova", "--host", "127.0.0.1", "--port", "8000"]
    assert words == [*expected, "--enforce-eager", "--seed", "-1", "--hf-overrides", '{"a": 1}']
    assert "vllm serve <YOUR_MODEL_PATH> \\" in shown([real()], "<YOUR_MODEL_PATH>")["serve"]["command"]


def test_what_served_on_an_npu_goes_before_all_else() -> None:
    cpu, npu = real(device="cpu"), real(tensor_parallel_size=2)
    assert served([cpu, npu, make_verdict("dummy", exchanges=(TEXT,))]) == npu
    assert served([cpu]) == cpu
    assert served([real(outcome="false-ready"), real(exchanges=())]) is None
    assert served([make_verdict("dummy", exchanges=(TEXT,))]) is None, "random weights prove no command"
    assert served([make_verdict("slice", exchanges=(TEXT,))]) is None, "its first layers are not the model"


def test_requests_are_those_that_were_answered_with_their_answers() -> None:
    rows = shown([real(exchanges=(TEXT, IMAGE))], "lab/nova")["requests"]["rows"]
    assert len(rows) == 2
    words = shlex.split(rows[0]["curl"])
    assert (words[1], json.loads(words[-1])) == ("http://localhost:8000/v1/completions", ASKED)
    assert json.loads(rows[0]["answer"]) == {"id": "c", "choices": [{"text": "so"}]}
    assert "A" * 100 not in rows[1]["curl"], "an image is no text to read"
    assert shown([], "x")["requests"]["rows"] == []


def test_lines_of_the_log_say_when_the_server_is_ready(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    log.write_text(
        "(APIServer pid=7) INFO:     Started server process [7]\nloading\nINFO: Application startup complete.\n"
    )
    found = shown([real(log=str(log))], "x")["serve"]["startup"]
    assert found == "INFO:     Started server process [7]\nINFO: Application startup complete."
    assert shown([real(log=str(tmp_path / "gone.log"))], "x")["serve"]["startup"] == ""


def test_features_and_capacity_are_shown_as_they_ended() -> None:
    tried = (FeatureResult("graph", State.UNSUPPORTED, "a | <b>"), FeatureResult("experts", State.NOT_TRIED, ""))
    capacity = CapacityResult(8192, 4096, 20000, (), (LoadTried(16, 15, 1256, 2.04),))
    found = shown([make_verdict("features", features=tried), make_verdict("capacity", capacity=capacity)], "x")
    assert [(row["state"], row["evidence"]) for row in found["features"]["rows"]] == [
        ("❌", "a / &lt;b>"),
        ("not tried on this device", "–"),
    ]
    assert (found["capacity"]["theoretical"], found["capacity"]["practical"]) == ("8,192", "4,096")
    (load,) = found["capacity"]["loads"]["rows"]
    assert load == {"sequences": "16", "answered": "15", "tokens": "1,256", "seconds": "2.0"}
    nothing = CapacityResult(None, None, None)
    assert shown([make_verdict("capacity", capacity=nothing)], "x")["capacity"]["practical"] == "none"


def test_nothing_of_a_page_is_a_macro_but_the_version() -> None:
    page = "export IMAGE=v:{{ vllm_ascend_version }}\n{{ 7 }} {% raw %} {# x #} ## 5 A {: #a }"
    assert inert(page) == "export IMAGE=v:{{ vllm_ascend_version }}\n{ { 7 }} { % raw %} { # x #} ## 5 A {: #a }"


@examples(30)
@given(st.dictionaries(st.text(max_size=4), st.text(alphabet='{}%#`\n"ab') | st.none() | st.integers(), max_size=3))
def test_json_stays_what_it_is_and_ends_no_block(value: Any) -> None:
    text = as_json(value)
    assert json.loads(text) == value or "..." in text
    assert inert(text) == text
    assert not any(line.strip() == "```" for line in text.splitlines())


@examples(50)
@given(st.text())
def test_a_cell_ends_no_row(text: str) -> None:
    assert not {"|", "\n", "\r", "<"} & set(cell(text).replace("&lt;", ""))
