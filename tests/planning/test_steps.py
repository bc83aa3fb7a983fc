"""The steps of a planning: what each makes of the one before, and how far a planning got that ends with a no."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from scaffold.placement.plugin import PLUGIN
from scaffold.planning.plan import make_plan
from scaffold.planning.prove import prove
from scaffold.planning.read import read
from scaffold.planning.refusal import NotPlanned
from scaffold.planning.render import render
from scaffold.planning.request import Request
from scaffold.strategy.decide import decide
from scaffold.strategy.protocol import Question
from tests.copies import copy_tree
from tests.models.mixed import write_mixed
from tests.snapshots import snapshot


@pytest.fixture
def asked(nova: Path, registry_tree: Path, tmp_path: Path) -> Callable[..., Request]:
    def request(**changed: object) -> Request:
        given = {"checkpoint": nova, "vllm": registry_tree, "delivery": None, "placement": PLUGIN.name}
        return Request(**{**given, "output": tmp_path / "plugin", "strategy": "native", **changed})  # type: ignore[arg-type]

    return request


def test_each_step_is_a_function_of_those_before_it(asked: Callable[..., Request], tmp_path: Path) -> None:
    before = snapshot(tmp_path, without="nothing is left out")
    subject = read(asked())
    question = Question(subject.reading, subject.registry, subject.tree)
    decision = decide(question, "native")
    proved = prove(decision)
    assert proved is not None
    assert proved.proof.holds
    code = render(proved, subject, question.target)
    assert code is not None
    assert code == render(prove(decision), subject, question.target)
    plan = make_plan(asked())
    assert (plan.spec, plan.decision, plan.proved) == (subject.reading.spec, decision, proved)
    assert plan.implementation is not None
    assert plan.implementation.code == code
    assert plan.changes == make_plan(asked()).changes
    assert snapshot(tmp_path, without="nothing is left out") == before


@pytest.mark.parametrize("strategy", ["auto", "transformers"])
def test_a_strategy_that_adds_nothing_has_nothing_to_prove_or_render(
    asked: Callable[..., Request], nova: Path, strategy: str
) -> None:
    replace_in(nova / "modeling_nova.py", "up * self.act(gate)", "up * self.act(gate).softmax(-1)")
    plan = make_plan(asked(strategy=strategy))
    assert plan.decision.strategy.name == "transformers"
    assert (plan.proved, plan.implementation, plan.adapter) == (None, None, None)
    assert plan.changes.is_empty
    assert plan.notes[0] == "no plugin: the strategy transformers needs no code"


def test_a_plugin_goes_into_the_current_directory_if_no_folder_is_named(
    asked: Callable[..., Request], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = make_plan(asked(output=None))
    assert plan.subject.site.output == (tmp_path / "vllm-nova").resolve()
    assert all(path.is_relative_to(tmp_path.resolve() / "vllm-nova") for path in plan.changes.paths)


# How far it got


def replace_in(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def add_tensor(nova: Path, name: str) -> None:
    from safetensors.numpy import load_file, save_file

    shard = next(nova.glob("*-00001-of-*.safetensors"))
    tensors = load_file(shard)
    save_file({**tensors, name: next(iter(tensors.values()))}, shard, metadata={"format": "pt"})
    index = nova / "model.safetensors.index.json"
    listed = json.loads(index.read_text())
    listed["weight_map"][name] = shard.name
    index.write_text(json.dumps(listed))


def refused(request: Request) -> NotPlanned:
    with pytest.raises(NotPlanned) as error:
        make_plan(request)
    assert error.value.kind == "Refused"
    return error.value


def test_at_the_decision_there_are_holes_and_no_proof(asked: Callable[..., Request], nova: Path) -> None:
    replace_in(nova / "modeling_nova.py", "up * self.act(gate)", "up * self.act(gate).softmax(-1)")
    error = refused(asked())
    assert error.where == "--strategy native"
    assert error.spec.holes == error.subject.reading.spec.holes != ()
    assert error.proof is None


def test_at_the_proof_it_is_there_and_fails_and_is_no_hole(asked: Callable[..., Request], nova: Path) -> None:
    add_tensor(nova, "model.layers.0.self_attn.extra.weight")
    request = asked()
    error = refused(request)
    assert error.proof is not None
    assert error.proof.unrouted == ("model.layers.0.self_attn.extra.weight",)
    assert error.spec.holes == ()


def test_at_the_rendering_a_form_without_an_idiom_is_a_hole_beside_a_proof_that_holds(
    asked: Callable[..., Request], tmp_path: Path
) -> None:
    error = refused(asked(checkpoint=write_mixed("orion", tmp_path / "orion", hidden_act="tanh")))
    (hole,) = error.spec.holes
    assert (hole.where, hole.what) == ("adapter", "no idiom yet for experts with 'tanh'")
    assert (error.found, error.where) == (hole.what, hole.evidence)
    assert "modeling_orion.py:" in hole.evidence
    assert error.subject.reading.spec.holes == ()
    assert error.proof is not None
    assert error.proof.holds


def test_at_the_check_against_the_tree_there_is_a_proof_that_holds_and_no_hole(
    asked: Callable[..., Request], registry_tree: Path
) -> None:
    layers = registry_tree / "vllm/model_executor/layers"
    source = layers.resolve()
    layers.unlink()
    copy_tree(source, layers, ignore=lambda folder, names: [n for n in names if n == "layernorm.py"])
    error = refused(asked())
    assert "vllm.model_executor.layers.layernorm" in error.found
    assert error.spec.holes == ()
    assert error.proof is not None
    assert error.proof.holds
