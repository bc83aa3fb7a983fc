"""Norms of q and k over all heads, on ranks that hold a part of them: more ranks than KV heads, too.

The helper of generated adapters is run by the interpreter of modeling source; the gathering of all ranks is computed
from what each of them holds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scaffold.source.interpreter import Interpreter
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch.tensors import Tensor
from scaffold.source.transformers.imports import resolve

TEMPLATE = Path("cookiecutter-model/templates/adapter/norms.py.jinja")
SIZE, TOKENS = 4, 3
RANKS = """
import torch
from torch import nn

def get_tensor_model_parallel_world_size():
    return {tp}

def get_tensor_model_parallel_rank():
    return {rank}

def tensor_model_parallel_all_gather(x):
    return gathered

class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = weight
    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight

def run(x):
    return norm_over_ranks(Norm(), x, {heads}, {size})
"""


def helper() -> str:
    """Return the text of the function, as adapters have it."""
    text = (Path(__file__).parents[2] / TEMPLATE).read_text(encoding="utf-8")
    begin = text.index("def norm_over_ranks")
    return text[begin : text.index("{% endif %}", begin)]


def normed(tmp_path: Path, x: Any, weight: Any, heads: int, tp: int, rank: int) -> Any:
    """Return what a rank gets of its heads; ``x`` is ``[tokens, heads × size]``."""
    held = max(1, heads // tp)
    replicas = max(1, tp // heads)
    parts = [x[:, (r // replicas) * held * SIZE : (r // replicas + 1) * held * SIZE] for r in range(tp)]
    text = RANKS.format(tp=tp, rank=rank, heads=heads, size=SIZE)
    listed = {"gathered": np.concatenate(parts, -1), "weight": weight}
    given = "".join(f"{name} = torch.tensor({value.tolist()})\n" for name, value in listed.items())
    path = tmp_path / "modeling_norm.py"
    path.write_text(f"{text}\n{given}\n{helper()}")
    interpreter = Interpreter(resolve)
    function = interpreter.global_name(SourceFile.parse(path), "run")
    return interpreter.call(function, [Tensor(parts[rank])], {}, "here").a


@pytest.mark.parametrize(("heads", "tp"), [(2, 1), (2, 2), (2, 4), (2, 8), (1, 4), (4, 2), (8, 4)])
def test_each_rank_gets_its_part_of_the_norm_over_all_heads(heads: int, tp: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(heads * tp)
    x, weight = rng.normal(size=(TOKENS, heads * SIZE)), rng.normal(size=heads * SIZE)
    whole = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * weight
    held, replicas = max(1, heads // tp), max(1, tp // heads)
    for rank in range(tp):
        begin = rank // replicas * held * SIZE
        found = normed(tmp_path, x, weight, heads, tp, rank)
        np.testing.assert_allclose(found, whole[:, begin : begin + held * SIZE], rtol=1e-9)
