"""The module of ``mapped``: a subclass that renames tensors, in a plugin and in trees."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from scaffold.adapter.mapper import mapper_module
from scaffold.placement.plugin import PLUGIN
from scaffold.placement.vllm import VLLM
from scaffold.planning.plan import make_plan
from scaffold.planning.refusal import NotPlanned
from scaffold.planning.request import Request
from scaffold_validators.calls import misfit_calls
from scaffold_validators.imports import unresolved_imports
from tests.lab.engine import engine
from tests.models.families import config_of, shapes_of, write
from tests.sampled import costly


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """A Qwen3 that lay in a vision model."""
    shapes = {re.sub(r"^model\.", "model.language_model.", name): s for name, s in shapes_of("qwen3").items()}
    return write(tmp_path / "moved", config_of("qwen3"), shapes)


@costly
def test_a_plugin_has_a_subclass_and_registers_it(moved: Path, tmp_path: Path) -> None:
    tree = engine().pristine
    plan = make_plan(
        Request(
            moved, tree, None, placement=PLUGIN.name, output=tmp_path / "plugin", transformers=engine().transformers
        )
    )
    assert plan.decision.strategy.name == "mapped"
    assert plan.adapter is not None
    assert unresolved_imports(plan.adapter, tree) == ()
    assert misfit_calls(plan.adapter, tree) == ()
    assert '"model.language_model.": "model.",' in plan.adapter
    (cls,) = [node for node in ast.parse(plan.adapter).body if isinstance(node, ast.ClassDef)]
    assert (cls.name, ast.unparse(cls.bases[0])) == ("Qwen3ForCausalLM", "qwen3.Qwen3ForCausalLM")
    written = {path.name: change.after.decode() for change in plan.changes.changes if (path := change.path)}
    assert written["qwen3_renamed.py"] == plan.adapter
    assert "vllm_qwen3.qwen3_renamed:Qwen3ForCausalLM" in written["__init__.py"]


def test_an_entry_that_vllm_has_is_never_asked_to_be_removed(moved: Path, delivery_repo: Path) -> None:
    with pytest.raises(NotPlanned) as refused:
        make_plan(Request(moved, engine().pristine, delivery_repo, VLLM.name, transformers=engine().transformers))
    assert refused.value.exit_code == 1
    assert refused.value.where == "--placement vllm"
    assert "has no parameter for model.language_model" in refused.value.found
    assert "--placement plugin" in refused.value.remedy


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("vllm.model_executor.models.qwen3", "from . import qwen3\nfrom .utils import WeightsMapper"),
        (
            "vllm.models.novel.model",
            "from vllm.models.novel import model\nfrom vllm.model_executor.models.utils import WeightsMapper",
        ),
    ],
)
def test_in_the_tree_its_siblings_are_imported_by_relative_names(module: str, imported: str) -> None:
    text = mapper_module(
        "X", "XForCausalLM", (module, "Base"), [('a"b', "c")], "# licence", "vllm.model_executor.models"
    )
    assert imported in text
    assert ast.literal_eval(re.search(r"\{.*?\}", text, re.DOTALL)[0]) == {'a"b': "c"}  # type: ignore[index]
