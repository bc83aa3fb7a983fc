"""Evidence holds for all code of both trees, whoever wrote it, and outlives the commit that brings code over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.delivery.own_lines import Edit
from scaffold.evidence.digests import present_digests
from scaffold.evidence.plan_record import PlanRecord
from scaffold.roots.vllm_tree import REGISTRY, read_vllm_tree

INIT, CODE = "vllm_ascend/models/__init__.py", "vllm_ascend/models/nova.py"
TEXT, WITH = "first()\nlast()\n", "first()\nnova()\nlast()\n"


@pytest.fixture
def trees(tmp_path: Path) -> Path:
    for file, text in (
        (f"vllm/{REGISTRY}", "_TEXT_GENERATION_MODELS = {}\n"),
        ("vllm/vllm/_C.abi3.so", "library"),
        (f"ascend/{INIT}", TEXT),
        ("ascend/vllm_ascend/worker.py", "x = 1\n"),
        ("ascend/docs/index.md", "words\n"),
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    return tmp_path


def tree_digest(trees: Path, nova: Path, *plans: PlanRecord) -> str:
    return present_digests(read_vllm_tree(trees / "vllm"), trees / "ascend", plans, read_checkpoint(nova))["tree"]


def plan(trees: Path) -> PlanRecord:
    edit = Edit("delivery", INIT, TEXT, WITH)
    roots = (str(trees), str(trees / "vllm"), str(trees / "ascend"))
    return PlanRecord("nova", "Nova", "native", {}, *roots, (), (), edits=(edit,), carried=(INIT, CODE))


WRITES: dict[str, Callable[[Path], object]] = {
    "a file of vllm-ascend that no plan wrote": lambda t: (t / "ascend/vllm_ascend/worker.py").write_text("x = 2\n"),
    "a new file of vllm-ascend": lambda t: (t / "ascend/vllm_ascend/new.py").write_text(""),
    "a library of vllm-ascend": lambda t: (t / "ascend/vllm_ascend/ops.so").write_text("x"),
    "a library of vLLM, built anew": lambda t: (t / "vllm/vllm/_C.abi3.so").write_text("library of more"),
    "a hook of Python": lambda t: (t / "vllm/sitecustomize.py").write_text("import os\n"),
    "a hook of Python beside vllm-ascend": lambda t: (t / "ascend/usercustomize.py").write_text("import os\n"),
    "a user's line beside the plan's": lambda t: (t / "ascend" / INIT).write_text(f"{WITH}mine()\n"),
}


@pytest.mark.parametrize("what", WRITES)
def test_code_that_changed_leaves_no_evidence(trees: Path, nova: Path, what: str) -> None:
    before = tree_digest(trees, nova, plan(trees))
    WRITES[what](trees)
    assert tree_digest(trees, nova, plan(trees)) != before


def test_what_a_commit_brings_over_is_the_same_code_once_more(trees: Path, nova: Path) -> None:
    before = tree_digest(trees, nova)
    (trees / "ascend" / INIT).write_text(WITH)
    (trees / "ascend" / CODE).write_text("class Nova: ...\n")
    (trees / "ascend/docs/index.md").write_text("other words\n")
    assert tree_digest(trees, nova, plan(trees)) == before
    assert tree_digest(trees, nova) != before
    other = replace(plan(trees), edits=(), carried=())
    assert tree_digest(trees, nova, other) != before
