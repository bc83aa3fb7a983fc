"""Test configs: those of vllm-ascend pass, what is wrong is named, and ours run through the tree's own test."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from scaffold.checkpoint.read import read_checkpoint
from scaffold.common.errors import CheckFailed
from scaffold.delivery.config_form import ALL_KINDS, NEWEST, REWARD, SPEECH, TEXT, VISION, ConfigForm, config_form
from scaffold.delivery.config_schema import check_config, faults_of
from scaffold.delivery.config_values import ASKED, config_values, kind_of, with_measured
from scaffold.delivery.documents import Delivery, delivery_context, render_documents
from scaffold.delivery.layout import TEST_CONFIGS
from scaffold.reading.from_source import read_from_source
from scaffold_validators.results.capacity import CapacityResult
from tests.delivery.test_accuracy import measured
from tests.rows import each
from tests.verdicts import make_verdict

FLAT = ConfigForm(nested=False, kind_key="model", kinds=(TEXT, VISION))
"""Of 0.13 and 0.18."""
GOOD = """\
model_name: "trees/Cedar"
model_type: "vllm"
hardware: "Atlas A2 Series"
serve:
  max_model_len: 4096
tasks:
- name: "gsm8k"
  metrics:
  - name: "exact_match,strict-match"
    value: 0.71
"""


def test_every_config_of_a_real_tree_passes(ascend_source: Path) -> None:
    configs = sorted((ascend_source / TEST_CONFIGS).glob("*.yaml"))
    assert len(configs) > 20
    assert {path.name: list(faults_of(path.read_text())) for path in configs} == {path.name: [] for path in configs}


@each(
    ("old", "new", "found"),
    [
        ("value: 0.71", "value: null", "tasks[0].metrics[0].value is None, not the figure that was measured"),
        ("value: 0.71", "value: '0.71'", "tasks[0].metrics[0].value is '0.71', not the figure that was measured"),
        ("value: 0.71", "values: 0.71", "tasks[0].metrics[0].values is a key that no test reads"),
        ("4096", "true", "serve.max_model_len is True, not a number of tokens"),
        ("  max_model_len", "  max_model_length", "serve.max_model_length is a key that no test reads"),
        ('"vllm"', '"vllm-tts"', "model_type is 'vllm-tts', not one of vllm, vllm-vlm, vllm-asr, vllm-rm"),
        ('"vllm"', '"vllm-rm"', "no tasks[0].dataset"),
        ('hardware: "Atlas A2 Series"\n', "", "no hardware"),
        ("serve:\n", "serve: 7\nother:\n", "serve is 7, not a mapping"),
        ("tasks:", "tasks: []\nmore:", "tasks is [], not at least one task"),
        (GOOD, "- 1\n", "no mapping"),
        (GOOD, "a: [", "no YAML"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, found: str) -> None:
    check_config(GOOD, "Cedar.yaml")
    assert old in GOOD
    with pytest.raises(CheckFailed) as refused:
        check_config(GOOD.replace(old, new), "Cedar.yaml")
    assert found in str(refused.value)


def test_the_form_is_told_by_the_trees_own_tests(ascend_source: Path, tmp_path: Path) -> None:
    found = config_form(ascend_source)
    assert (found.nested, found.kind_key, found.kinds) == (True, "model_type", ALL_KINDS)
    assert config_form(tmp_path) == NEWEST
    (tmp_path / TEST_CONFIGS).mkdir(parents=True)
    test = (tmp_path / TEST_CONFIGS).parent / "test_lm_eval_correctness.py"
    test.write_text('def read(c):\n    return c.get("model", "vllm"), c.get("max_model_len", 4096)\n')
    found = config_form(tmp_path)
    assert (found.nested, found.kind_key, found.kinds) == (FLAT.nested, FLAT.kind_key, FLAT.kinds)


def config_of(nova: Path, form: ConfigForm = NEWEST, **measured_there: Any) -> str:
    read = read_checkpoint(nova)
    delivery = Delivery("nova", read, read_from_source(read, None), "native", "myst", True, config_form=form)
    return render_documents("nova", delivery_context(delivery), **measured_there)[TEST_CONFIGS / "nova.yaml"]


@pytest.mark.parametrize("form", [FLAT, NEWEST], ids=["flat", "nested"])
@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_config_of_each_kind_is_in_the_form_of_the_tree(nova: Path, form: ConfigForm, kind: str) -> None:
    read = read_checkpoint(nova)
    delivery = Delivery("nova", read, read_from_source(read, None), "native", "myst", False, config_form=form)
    values = {
        **delivery_context(delivery),
        "config": config_values(form, kind, 2, 2048, {"trust_remote_code": False}, True),
    }
    text = render_documents("nova", values)[TEST_CONFIGS / "nova.yaml"]  # which holds it against the schema
    config = yaml.safe_load(text)
    told = config["serve"] if form.nested else config
    assert (config[form.kind_key], told["tensor_parallel_size"], told["max_model_len"]) == (kind, 2, 2048)
    (task,) = config["tasks"]
    assert (task["name"], task["metrics"]) == (ASKED[kind].task, [])
    assert ("dataset" in task) is (kind in (SPEECH, REWARD))
    assert ("No test of this tree" in text) is (kind not in form.kinds)


def test_the_kind_follows_from_what_the_checkpoint_has(nova: Path) -> None:
    assert kind_of(read_checkpoint(nova), ()) == TEXT
    assert kind_of(read_checkpoint(nova), (), transcribes=True) == SPEECH
    config = (nova / "config.json").read_text()
    for key, kind in (("vision_config", VISION), ("audio_config", TEXT)):
        (nova / "config.json").write_text(config.replace("{", f'{{"{key}": {{}},', 1))
        (nova / "preprocessor_config.json").write_text("{}")  # towers of both kinds have one
        assert kind_of(read_checkpoint(nova), ()) == kind
    (nova / "config.json").write_text(config.replace("NovaForCausalLM", "NovaForRewardModel"))
    assert kind_of(read_checkpoint(nova), ()) == REWARD


def test_sizes_are_those_that_served_on_npus() -> None:
    config = config_values(NEWEST, TEXT, 4, 8192, {}, False)
    served = [
        make_verdict("real", tensor_parallel_size=16),
        make_verdict("real", tensor_parallel_size=32),
        make_verdict("capacity", tensor_parallel_size=16, capacity=CapacityResult(8192, 1024, None)),
        make_verdict("real", device="cpu", tensor_parallel_size=1),
        make_verdict("dummy", tensor_parallel_size=2),
    ]
    found = with_measured(config, served)
    rows = {row["key"]: row["value"] for row in found["served"]["rows"]}
    assert (rows["tensor_parallel_size"], rows["max_model_len"]) == ("16", "1024")
    assert found["hardware"] == "Atlas A3 Series"
    planned = {row["key"]: row["value"] for row in with_measured(config, served[3:])["served"]["rows"]}
    assert (planned["tensor_parallel_size"], planned["max_model_len"]) == ("4", "4096")


def test_a_test_asks_as_many_questions_as_were_asked(nova: Path, tmp_path: Path) -> None:
    config = yaml.safe_load(config_of(nova, accuracy=measured(tmp_path)))
    assert (config["limit"], config["num_fewshot"]) == (16, 3)
    whole = {"n-samples": {"count": {"original": 64, "effective": 64}}}
    assert "limit" not in yaml.safe_load(config_of(nova, accuracy=measured(tmp_path, **whole)))


@pytest.fixture
def own_test(ascend_source: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The tree's own test, with nothing of ``lm_eval``."""
    monkeypatch.setitem(sys.modules, "lm_eval", ModuleType("lm_eval"))
    path = (ascend_source / TEST_CONFIGS).parent / "test_lm_eval_correctness.py"
    spec = importlib.util.spec_from_file_location("own_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("has_figures", [True, False])
def test_a_config_runs_through_the_trees_own_test(
    nova: Path, own_test: ModuleType, tmp_path: Path, has_figures: bool
) -> None:
    """What is left out of it is ``lm_eval`` itself, which gives the figures that were measured."""
    asked: dict[str, Any] = {}

    def simple_evaluate(**given: Any) -> dict[str, Any]:
        asked.update(given)
        figures = {"acc,strict": 0.71239999, "acc_stderr,strict": 0.1, "exact_match,none": 0.8125}
        return {"results": {task: {**figures, "exact_match_stderr,none": 0.01} for task in given["tasks"]}}

    own_test.__dict__["lm_eval"] = SimpleNamespace(simple_evaluate=simple_evaluate)
    path = tmp_path / "nova.yaml"
    path.write_text(config_of(nova, accuracy=measured(tmp_path) if has_figures else None))
    environment = own_test.EnvConfig(*["unknown"] * 7)
    own_test.test_lm_eval_correctness_param(path, "1", str(tmp_path / "reports"), environment)
    assert (asked["model"], asked["tasks"]) == ("vllm", ["count"] if has_figures else ["gsm8k"])
    told = asked["model_args"]
    assert (told["pretrained"], told["max_model_len"], told["trust_remote_code"]) == ("nova", 128, True)
    assert ("0.8125" in (tmp_path / "reports/nova.md").read_text()) is has_figures
