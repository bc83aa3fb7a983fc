"""vLLM's two tables of yarn hold the same numbers where an adapter takes the one in place of the other."""

from __future__ import annotations

import json
import subprocess

import pytest

from scaffold.mixers.latent.adapter import YARN
from tests.bench.coverage.environment import environment

pytestmark = pytest.mark.engine
SCRIPT = f"""
import itertools, json
from vllm.config import VllmConfig, set_current_vllm_config
from vllm.model_executor.layers.rotary_embedding import get_rope

found = []
pairs = (1.0, 1.0), (0.707, 0.707), (1.0, 0.5), ()
with set_current_vllm_config(VllmConfig()):
    for factor, scales, length, fast, slow in itertools.product((4, 40, 1.5), pairs, (16, 4096), (32, 64), (1, 2)):
        given = dict(rope_theta=1e4, factor=factor, original_max_position_embeddings=length)
        given |= dict(zip(("mscale", "mscale_all_dim"), scales), beta_fast=fast, beta_slow=slow)
        one, other = (
            get_rope(64, int(length * factor), False, dict(given, rope_type=name)).cos_sin_cache
            for name in ("yarn", {YARN!r})
        )
        found.append(float((one - other).abs().max()) if one.shape == other.shape else None)
print(json.dumps(found))
"""


def test_both_tables_are_the_same() -> None:
    done = subprocess.run([environment().python, "-c", SCRIPT], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == 96
    assert max(found) < 1e-6
