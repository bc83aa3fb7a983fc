"""A checkpoint in block-fp8 is served in bfloat16 by the emitted loader; one scale less, and it is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from tests.engine.conftest import Answer, Shop
from tests.lab.checkpoints import checkpoint
from tests.lab.commands import run
from tests.lab.ports import free_port

pytestmark = pytest.mark.engine
SCRIPT = Path(__file__).with_name("log_probabilities.py")
LOST = "model.layers.2.mlp.experts.5.up_proj.weight_scale_inv"
REMOVE = """
import json, sys
from pathlib import Path
from safetensors.torch import load_file, save_file
folder, name = Path(sys.argv[1]), sys.argv[2]
index = folder / "model.safetensors.index.json"
weight_map = json.loads(index.read_text())["weight_map"]
shard = folder / weight_map.pop(name)
tensors = load_file(shard)
del tensors[name]
save_file(tensors, shard, metadata={"format": "pt"})
index.write_text(json.dumps({"weight_map": weight_map}))
"""


@pytest.fixture(scope="module")
def fp8(loading: Shop) -> Path:
    """The checkpoint; its adapter is in the tree."""
    path = checkpoint("solar-open-fp8")
    loading.holds = "block fp8"
    answer = loading.run("new-model", path, *loading.place.options(), "--strategy", "native")
    assert answer.code == 0, answer.said
    return path


def ask(loading: Shop, how: str, path: Path, out: Path) -> np.ndarray:
    command = [str(loading.place.python), str(SCRIPT), how, str(path), str(out)]
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1"}
    said = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=out.parent, check=False)
    assert said.returncode == 0, (said.stdout + said.stderr)[-4000:]
    return np.array(json.loads(out.read_text()))


def serve(loading: Shop, path: Path) -> Answer:
    roots = ("--work", loading.place.work, "--python", loading.place.python, "--port", str(free_port()))
    options = ("--dtype", "bfloat16", "--enforce-eager", "--max-model-len", "512", "--no-ladder")
    return loading.run("validate", path, "--stage", "parity", *roots, *options)


def test_it_agrees_with_the_dequantised_reference(loading: Shop, fp8: Path, tmp_path: Path) -> None:
    """The tolerance is what bfloat16 costs the reference itself: transformers in bfloat16 against float32.

    Two such computations, each with its own order of rounding, are at most as far apart as the sum of what each of
    them is off; hence twice the cost, on the mean, and on the largest as long as no expert is chosen otherwise.
    """
    dequantised = checkpoint("solar-open-dequantised")
    exact = ask(loading, "float32", dequantised, tmp_path / "exact.json")
    rounded = ask(loading, "bfloat16", dequantised, tmp_path / "rounded.json")
    served = ask(loading, "vllm", fp8, tmp_path / "served.json")
    cost, off = np.abs(rounded - exact), np.abs(served - exact)
    print(f"bfloat16 costs {cost.mean():.3f} (at most {cost.max():.3f}); served: {off.mean():.3f} ({off.max():.3f})")
    assert np.ptp(exact) > 20 * cost.mean()  # else the tolerance would tell nothing
    assert off.mean() <= 2 * cost.mean()
    assert off.max() <= 2 * cost.max()


def test_it_is_served_and_held_against_its_dequantised_reference(loading: Shop, fp8: Path) -> None:
    answer = serve(loading, fp8)
    assert answer.code == 0, answer.said
    assert answer.outcomes() == {("real", 1): "passed", ("parity", 1): "passed"}
    numbers = answer.document["verdicts"][1]["numbers"]
    assert (numbers["dtype"], numbers["reference"].endswith("weights dequantised")) == ("bfloat16", True)


def test_without_one_scale_it_is_refused_by_that_name(loading: Shop, fp8: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(fp8, tmp_path / fp8.name))
    run(loading.place.python, "-c", REMOVE, broken, LOST)
    for shard in broken.glob("*.safetensors"):
        with safe_open(shard, "np") as opened:
            assert LOST not in opened.keys()  # noqa: SIM118 - it is no dictionary
    proof = loading.run("weights", broken, "--python", loading.place.python)
    assert proof.code == 1
    (finding,) = proof.document["findings"]
    assert (finding["kind"], finding["tensors"]) == ("no-scale", [LOST])
    answer = serve(loading, broken)
    assert answer.code == 1
    assert answer.outcomes() == {("real", 1): "failed", ("parity", 1): "failed"}
    logs = [path.read_text() for path in loading.place.work.rglob("*.log")]
    assert any(f"The checkpoint lacks 1 of the tensors of its fp8 weights: {LOST}" in text for text in logs)
