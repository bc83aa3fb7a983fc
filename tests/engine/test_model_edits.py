"""Edits of models, in the real engine: what could not be served is, and the numbers are right."""

from __future__ import annotations

import ast
import json
import subprocess
from pathlib import Path

import pytest

from codemods import find_codemod
from codemods import run as run_codemod
from tests.bench.coverage.environment import environment
from tests.codemods.models.test_real_models import MODELS, TOWER
from tests.lab.checkpoints import checkpoint
from tests.lab.engine import engine, vllm_working_copy
from tests.lab.vision import with_images

pytestmark = pytest.mark.engine
IMAGES = Path(__file__).with_name("images.py")


def ask(*words: object, environ: dict[str, str] | None = None) -> str:
    """Run the engine's Python."""
    done = subprocess.run(
        [str(word) for word in (environment().python, *words)], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_llava_saved_by_a_newer_transformers_is_served_after_one_command(tmp_path: Path) -> None:
    ask(IMAGES, "make", tmp_path / "llava", environ=with_images())
    tree = vllm_working_copy(engine(), tmp_path / "vllm")
    run_codemod("map-weights", tree, journal=tmp_path / "journal", **TOWER)
    ask(IMAGES, "serve", tmp_path / "llava", tmp_path / "answers.json", environ=with_images(tree))
    expected = json.loads((tmp_path / "llava/reference.json").read_text())
    answers = json.loads((tmp_path / "answers.json").read_text())
    for name in ("text", "image"):
        assert answers[name]["tokens"] == expected[name]["tokens"]
        assert answers[name]["log_probabilities"] == pytest.approx(expected[name]["log_probabilities"], abs=1e-4)
    assert expected["text"]["tokens"] != expected["image"]["tokens"]


RANKS = """
import json, sys, types
from functools import partial
import torch

source, heads, ranks = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
size, kv_heads = 8, heads
torch.manual_seed(0)
whole = torch.randn(5, kv_heads * size, dtype=torch.float64)
queries = torch.randn(5, ranks * size, dtype=torch.float64)
weight = torch.randn(kv_heads * size, dtype=torch.float64)

def norm(weight, x):
    assert x.shape[-1] == len(weight), (x.shape, weight.shape)
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * weight

replicas = max(1, ranks // kv_heads)
shards = [whole.chunk(ranks // replicas, -1)[rank // replicas] for rank in range(ranks)]
gathered = {"q": queries, "k": torch.cat(shards, -1)}
def all_gather(x):
    return gathered["k"] if x.shape == shards[0].shape and x.data_ptr() in known else gathered["q"]
def split(x, num_partitions):
    return x.chunk(num_partitions, -1)
space = {"torch": torch, "partial": partial, "split_tensor_along_last_dim": split,
         "tensor_model_parallel_all_gather": all_gather}
exec(source, space)
right = norm(weight, whole).chunk(ranks // replicas, -1)
for rank in range(ranks):
    mine = shards[rank].clone()
    known = {mine.contiguous().data_ptr()}
    layer = types.SimpleNamespace(tp_size=ranks, tp_rank=rank, total_num_kv_heads=kv_heads, head_dim=size,
                                  q_norm=lambda x: x, k_norm=partial(norm, weight))
    _, k = space["_apply_qk_norm"](layer, queries.chunk(ranks, -1)[rank].clone(), mine)
    assert torch.equal(k, right[rank // replicas]), rank
print("right")
"""


@pytest.mark.parametrize(("heads", "ranks"), [(2, 8), (2, 4), (4, 4), (8, 4)])
def test_a_norm_over_replicated_heads_is_that_of_one_rank(heads: int, ranks: int, vllm_source: Path) -> None:
    arguments = {"module": f"{MODELS}.olmoe", "class_name": "OlmoeAttention"}
    text = find_codemod("local-kv-norm").run(
        (vllm_source / "vllm/model_executor/models/olmoe.py").read_text(), arguments
    )
    method = next(
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name == "_apply_qk_norm"
    )
    assert ask("-c", RANKS, ast.unparse(method), heads, ranks) == "right\n"


DEQUANTISED = """
import glob, json, sys
from collections.abc import Iterable
import torch
from safetensors import safe_open

space = {"torch": torch, "Iterable": Iterable}
exec(sys.argv[1], space)
helper, block = space["_dequantised_fp8"], tuple(json.loads(sys.argv[4]))
torch.set_default_dtype(torch.bfloat16)

def tensors(folder):
    for file in sorted(glob.glob(f"{folder}/*.safetensors")):
        with safe_open(file, "pt") as opened:
            for name in opened.keys():
                yield name, opened.get_tensor(name)

class Plain(torch.nn.Module):
    pass

class Quantised(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2, 2).to(torch.float8_e4m3fn), requires_grad=False)

given, right = list(tensors(sys.argv[2])), dict(tensors(sys.argv[3]))
for order in (given, given[::-1]):
    got = dict(helper(Plain(), order, block))
    assert got.keys() == right.keys(), got.keys() ^ right.keys()
    assert all(torch.equal(got[name].to(right[name].dtype), right[name]) for name in right)
assert [name for name, _ in helper(Quantised(), given, block)] == [name for name, _ in given]
scale = next(name for name, _ in given if name.endswith("_scale_inv"))
for wrong in ([t for t in given if t[0] != scale], [*given, next(t for t in given if t[0] == scale)],
              [(n, t[:-1] if n == scale else t) for n, t in given]):
    try:
        list(helper(Plain(), wrong, block))
    except ValueError:
        continue
    raise AssertionError("a pair that is none was taken")
print("right")
"""


def test_what_a_model_dequantises_is_the_checkpoint_that_was_dequantised(vllm_source: Path) -> None:
    quantised = checkpoint("solar-open-fp8")
    block = json.loads((quantised / "config.json").read_text())["quantization_config"]["weight_block_size"]
    arguments = {
        "module": f"{MODELS}.minimax_m2",
        "class_name": "MiniMaxM2ForCausalLM",
        "block": "x".join(map(str, block)),
    }
    before = (vllm_source / "vllm/model_executor/models/minimax_m2.py").read_text()
    text = find_codemod("fp8-dequant-on-load").run(before, arguments)
    helper = next(
        node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == "_dequantised_fp8"
    )
    words = (ast.unparse(helper), quantised, checkpoint("solar-open-dequantised"), json.dumps(block))
    assert ask("-c", DEQUANTISED, *words) == "right\n"
