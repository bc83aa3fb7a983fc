"""What happens to logits behind the head."""

from __future__ import annotations

import json
from pathlib import Path

from scaffold.adapter.context import adapter_context
from scaffold.mapping.of_checkpoint import weight_map_of
from tests.mixers.test_examples import read
from tests.models.specs import edit

PLAIN = "logits=self.lm_head(outputs.last_hidden_state))"
CAPPED = (
    "logits=self.config.cap * torch.tanh(self.config.logit_scale * self.lm_head(outputs.last_hidden_state)"
    " / self.config.cap))"
)


def test_logits_that_are_scaled_before_they_are_capped(nova: Path) -> None:
    """vLLM caps before it scales: ``c tanh(s x / c)`` is ``s (c / s) tanh(x / (c / s))``."""
    config = json.loads((nova / "config.json").read_text())
    (nova / "config.json").write_text(json.dumps({**config, "cap": 20.0, "logit_scale": 0.5}))
    edit(nova, PLAIN, CAPPED)
    checkpoint, source, spec = read(nova)
    rules = weight_map_of(spec, checkpoint, source)
    head = adapter_context(checkpoint.architecture, "PretrainedConfig", spec, rules, checkpoint.tensors)["head"]
    assert (head["scale"], head["soft_cap"]) == ("config.logit_scale", "config.cap / config.logit_scale")
