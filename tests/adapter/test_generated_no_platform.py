"""No adapter names a platform: those of listed architectures, written from transformers' source. The rest is measured.

``make bench-coverage`` looks at the plugins of all 61.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.mapping.proved import prove_weights
from scaffold.placement.protocol import Site
from scaffold.planning.read import Subject
from scaffold.planning.render import render
from scaffold.planning.settle import Settled
from scaffold.reading.of_checkpoint import read_model_of
from scaffold.roots.vllm_tree import read_vllm_tree
from scaffold.strategy.protocol import Question
from tests.adapter.test_no_platform import named_in
from tests.bench.coverage.rows import rows
from tests.lab.engine import engine
from tests.models.families import write
from tests.sampled import sampled

CLASSES = {
    "gemma2": "Gemma2ForCausalLM",
    "falcon": "FalconForCausalLM",
    "gpt2": "GPT2LMHeadModel",
    "deepseek_v3": "DeepseekV3ForCausalLM",
    "ernie4_5_moe": "Ernie4_5_MoeForCausalLM",
}
"""Each with forms of its own: caps, parallel blocks, learned positions, latents and group routers, shared experts."""


@pytest.mark.parametrize("name", sampled(CLASSES, every=3))
def test_it_says_what_the_model_is_and_nothing_of_a_device(tmp_path: Path, name: str) -> None:
    config = {**rows()[name].config, "model_type": name, "architectures": [CLASSES[name]]}
    checkpoint = read_checkpoint(write(tmp_path, config, {"model.embed_tokens.weight": (512, 128)}))
    reading = read_model_of(checkpoint, engine().transformers)
    assert reading.spec.decoder is not None, reading.spec.holes
    tree = read_vllm_tree(engine().pristine)
    site = Site(name, name, tree.root, None, None, "", lambda path: None)
    subject = Subject(reading, tree, {}, None, site, Settled(checkpoint, reading, (), (), (), {}))
    target = Question(reading, {}, tree).target
    code = render(prove_weights(reading.spec.decoder, checkpoint, reading.source, target=target), subject, target)
    assert code is not None
    assert f"class {CLASSES[name]}(" in code.stand_alone
    assert named_in(code.stand_alone) == []
