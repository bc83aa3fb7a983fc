"""What stands in for kernels of an engine: where it is put, when it stands in, and that it is on record."""

from __future__ import annotations

import ast
from importlib.metadata import distributions
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scaffold_validators.shims.engine import ON_PATH, PLUGIN, described, named_in, remark, shim_variables
from scaffold_validators.shims.on_path import scaffold_shims
from scaffold_validators.shims.on_path.scaffold_shims import SAID, SHIMS, heads_apart, one_group, one_group_called
from tests.lab.engine import VLLM
from tests.lab.trees import VLLM_TREES, vllm_tree


def definitions(tree: Path, module: str) -> set[str]:
    """Return the functions of a module and ``Class.method`` of its classes; none if the tree has no such module."""
    file = tree / (module.replace(".", "/") + ".py")
    found = set()
    for node in ast.parse(file.read_text()).body if file.is_file() else ():
        found |= {node.name} if isinstance(node, ast.FunctionDef) else set()
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return found


@pytest.mark.parametrize("release", [*VLLM_TREES, VLLM])
def test_each_release_has_one_place_for_each_fault(release: str, vllm_source: Path) -> None:
    tree = vllm_source if release == VLLM else vllm_tree(release)
    holding = [shim for shim in SHIMS if shim.holds_for(f"{release}+cpu")]
    assert len(holding) == len({shim.why for shim in SHIMS}) == len({shim.why for shim in holding})
    for shim in holding:
        assert shim.path in definitions(tree, shim.module), shim.name


class Router:
    """Routes as it is told: by what it has at that moment."""

    def __init__(self, **options: Any) -> None:
        defaults = {"scoring_func": "softmax", "e_score_correction_bias": None, "custom_routing_function": None}
        grouped = {"use_grouped_topk": False, "num_expert_group": None, "topk_group": None}
        vars(self).update({**defaults, **grouped, "routed_scaling_factor": 2.5, **options})

    def route(self) -> dict[str, Any]:
        return dict(vars(self))


ONE = {"use_grouped_topk": True, "num_expert_group": 1, "topk_group": 1}


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ({}, None),
        ({"scoring_func": "sigmoid"}, {**ONE, "routed_scaling_factor": 1.0}),
        ({"scoring_func": "sigmoid", "e_score_correction_bias": "b"}, {**ONE, "routed_scaling_factor": 2.5}),
        ({"e_score_correction_bias": "b"}, {**ONE, "routed_scaling_factor": 2.5}),
        ({"scoring_func": "sqrtsoftplus", "e_score_correction_bias": "b"}, None),
        ({"e_score_correction_bias": "b", "custom_routing_function": "f"}, None),
        ({"scoring_func": "sigmoid", "use_grouped_topk": True, "num_expert_group": 4, "topk_group": 2}, None),
    ],
    ids=str,
)
def test_a_router_goes_through_one_group_where_the_plain_one_passes_something_over(
    options: dict[str, Any], changed: dict[str, Any] | None
) -> None:
    told: list[str] = []
    router = Router(**options)
    before = router.route()
    expected = {**before, **(changed or {})}
    assert one_group(Router.route, lambda: told.append("in use"))(router) == expected
    assert router.route() == before
    called = one_group_called(lambda **named: named, lambda: told.append("in use"))(**before)
    assert called == expected
    assert told == ([] if changed is None else ["in use"] * 2)


def test_heads_of_their_own_go_through_pytorch() -> None:
    told: list[str] = []
    rotate = heads_apart(lambda self, *given: "kernel", lambda: told.append("in use"))
    layer = SimpleNamespace(forward_native=lambda *given: "PyTorch")
    flat, apart = SimpleNamespace(dim=lambda: 2), SimpleNamespace(dim=lambda: 3)
    assert (rotate(layer, "positions", flat, "k"), told) == ("kernel", [])
    assert (rotate(layer, "positions", apart, "k"), told) == ("PyTorch", ["in use"])


def test_the_folder_is_a_plugin_of_vllms() -> None:
    (plugin,) = distributions(path=[str(ON_PATH)])
    (entry,) = plugin.entry_points
    assert (entry.group, entry.name, entry.module) == ("vllm.general_plugins", PLUGIN, PLUGIN)
    assert callable(getattr(scaffold_shims, entry.attr))


def test_processes_of_a_cpu_engine_load_it_and_those_of_an_npu_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_PLUGINS", raising=False)
    assert shim_variables("npu") == {}
    assert shim_variables("cpu") == {"PYTHONPATH": str(ON_PATH)}
    monkeypatch.setenv("VLLM_PLUGINS", "mine")  # vLLM loads these alone
    assert shim_variables("cpu")["VLLM_PLUGINS"] == "mine,scaffold_shims"


def test_what_a_log_says_is_what_a_verdict_keeps() -> None:
    names = named_in(f"INFO x\n{SAID}cpu-router\n(worker) {SAID}cpu-router\n{SAID}cpu-rotary-heads\n")
    assert names == ("cpu-router", "cpu-rotary-heads")
    assert [row["name"] for row in described(names)] == list(names)
    assert described(["cpu-router-0.28"])[0]["releases"] == "0.28 and later, before 0.30"
    assert "knows no sigmoid" in remark(names)
    assert (remark(()), described(())) == ("", [])
