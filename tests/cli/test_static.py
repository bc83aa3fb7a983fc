"""Stage static from the command line: what is shown, the document, the exit code."""

from __future__ import annotations

import json

import pytest

from tests.ascend import small_trees
from tests.cli.conftest import Answer, Desk
from tests.models.families import config_of, shapes_of, write

MODEL = """
from torch import nn
from vllm.kernels_of_ours import rotate, scale

class Model(nn.Module):
    def __init__(self, *, vllm_config, prefix=""):
        super().__init__()

    def forward(self, x):
        return {forward}
"""
REGISTRY = {"vllm/model_executor/models/registry.py": '_TEXT = {"LlamaForCausalLM": ("vllm.model", "Model")}\n'}


def static(desk: Desk, forward: str, *words: str) -> Answer:
    small_trees.write(desk.root / "trees", MODEL.replace("{forward}", forward), REGISTRY)
    checkpoint = write(desk.root / "checkpoint", config_of("llama"), shapes_of("llama"))
    roots = ("--vllm", desk.root / "trees", "--vllm-ascend", desk.root / "trees")
    return desk.call("validate", checkpoint, "--stage", "static", *roots, *words)


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


def test_a_kernel_for_cuda_alone_ends_the_command_with_one(empty_desk: Desk) -> None:
    answer = static(empty_desk, "rotate(x)", "--json")
    said = answer.document["static"]
    assert (answer.code, said["verdict"]) == (1, "stopped")
    stop = "kernels: _C.rotate (custom operator) is for CUDA alone, called in any case at vllm/kernels_of_ours.py:14"
    assert stop in said["stops"]
    (kernel,) = said["kernels"]
    assert kernel == {
        "outcome": "CUDA-only",
        "kind": "custom operator",
        "name": "_C.rotate",
        "called_by": "vllm",
        "sites": ["vllm/kernels_of_ours.py:14"],
        "by": "called by rotate",
        "by_site": "vllm/kernels_of_ours.py:14",
        "only_if": "",
        "condition": None,
        "path": ["Model.forward (vllm/model.py:1)", "rotate (vllm/model.py:10)"],
    }


def test_the_table_names_kernel_place_and_what_is_left_to_do(empty_desk: Desk) -> None:
    shown = static(empty_desk, "scale(x)").stdout
    assert "Triton: to be verified on the device" in shown
    assert "_scale_kernel" in shown
    assert "vllm/kernels_of_ours.py:10" in shown


def test_without_vllm_ascend_the_kernels_are_not_looked_at(empty_desk: Desk) -> None:
    small_trees.write(empty_desk.root / "trees", MODEL.replace("{forward}", "x"), REGISTRY)
    checkpoint = write(empty_desk.root / "checkpoint", config_of("llama"), shapes_of("llama"))
    words = ("validate", checkpoint, "--stage", "static", "--vllm", empty_desk.root / "trees", "--json")
    assert json.loads(empty_desk.call(*words).stdout)["static"]["kernels"] is None


def test_a_model_that_vllm_ascend_registers_is_served_by_its_own_class(empty_desk: Desk) -> None:
    trees = empty_desk.root / "trees"
    registers = 'ModelRegistry.register_model("LlamaForCausalLM", "vllm_ascend.models.ours:Model")\n'
    own = MODEL.replace("{forward}", "scale(x)")
    files = REGISTRY | {"vllm_ascend/models/__init__.py": registers, "vllm_ascend/models/ours.py": own}
    small_trees.write(trees, MODEL.replace("{forward}", "rotate(x)"), files)
    checkpoint = write(empty_desk.root / "checkpoint", config_of("llama"), shapes_of("llama"))
    roots = ("--vllm", trees, "--vllm-ascend", trees)
    answer = empty_desk.call("validate", checkpoint, "--stage", "static", *roots, "--json")
    said = answer.document["static"]
    assert (answer.code, said["served_by"], said["stops"]) == (0, "vllm_ascend.models.ours:Model", [])
    assert [kernel["name"] for kernel in said["kernels"]] == ["_scale_kernel"]
    assert "whose tensors were not looked at" in said["weights"]["notes"][0]
