"""What a strategy that was shown to be wrong is followed by. That twins tell is tests/engine's to show."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from scaffold.placement.plugin import PLUGIN
from scaffold.planning.plan import Plan, make_plan, plan_again
from scaffold.planning.refusal import NotPlanned
from scaffold.planning.request import Request
from scaffold.running.twin import _adapter_of, _next
from scaffold.strategy.renaming import apply
from scaffold.strategy.table import NAMES
from scaffold_validators.twin.names import as_on_disk
from tests.models.build import write_checkpoint
from tests.rows import each


@pytest.fixture(scope="module")
def plan(vllm_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """The plan of a plugin, which is planned once and written nowhere."""
    folder = tmp_path_factory.mktemp("nova")
    nova = write_checkpoint(folder / "nova")
    return make_plan(Request(nova, vllm_source, None, PLUGIN.name, output=folder / "plugin"))


def test_the_next_strategy_is_planned_without_reading_anew(plan: Plan) -> None:
    assert plan.decision.strategy.name == "native"
    following = plan_again(plan, {"native": "the twin showed it"})
    assert following.decision.strategy.name == "transformers"
    assert following.subject is plan.subject
    assert "native: the twin showed it" in following.decision.why
    assert (following.implementation, following.changes.paths) == (None, ())


def test_nothing_follows_the_last(plan: Plan) -> None:
    last = _next(plan, {"native": "wrong"})
    assert last is not None
    assert _next(last, {"transformers": "wrong"}) is None
    with pytest.raises(NotPlanned):
        plan_again(plan, dict.fromkeys(NAMES, "wrong"))


def test_a_plugin_on_disk_is_read_for_model_and_config(plan: Plan, tmp_path: Path) -> None:
    planned = plan.subject.site.output
    assert planned is not None
    for path in plan.changes.paths:
        written = tmp_path / "plugin" / path.relative_to(planned)
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(plan.changes.read(path) or "")
        assert path.suffix != ".py" or ast.parse(written.read_text())
    found = _adapter_of(tmp_path / "plugin", "NovaForCausalLM")
    assert (found.target, found.config) == ("vllm_nova.nova:NovaForCausalLM", "vllm_nova.configuration_nova:NovaConfig")
    assert (found.model_type, found.source) == ("nova", (tmp_path / "plugin" / "src").resolve())


RENAMES = (
    (("model.language_model.", "model."),),
    (("layers.", "model.layers."), ("embed_tokens.", "model.embed_tokens.")),
)


@each("renames", RENAMES, ids=str)
@each("name", ["model.layers.0.mlp.up_proj.weight", "model.embed_tokens.weight", "lm_head.weight"])
def test_a_twin_is_served_under_the_checkpoints_own_names(renames: tuple[tuple[str, str], ...], name: str) -> None:
    assert apply(renames, as_on_disk(name, renames)) == name
    assert name == "lm_head.weight" or as_on_disk(name, renames) != name
