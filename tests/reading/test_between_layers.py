"""What happens to hidden states between two layers is part of the model."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.source.python.errors import NotUnderstood
from tests.models.remote.build import read

LOOP = """
class Looped(VelaModel):
    def forward(self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None):
        length = input_ids.shape[1]
        position_ids = torch.arange(length)[None]
        first = x = self.embed_tokens(input_ids)
        mask = _prepare_4d_causal_attention_mask(attention_mask, input_ids.shape, x, 0)
        {loop}
        return BaseModelOutputWithPast(last_hidden_state=self.norm(x))


VelaModel = Looped
"""
CALL = "x = layer(x, attention_mask=mask, position_ids=position_ids)"
PLAIN = {
    "enumerate": f"for number, layer in enumerate(self.layers):\n            {CALL}",
    "zip": f"for layer, number in zip(self.layers, range(self.config.num_hidden_layers)):\n            {CALL}",
    "slice": f"for layer in self.layers[: self.config.num_hidden_layers]:\n            {CALL}",
    "numbers": f"for number in range(len(self.layers)):\n            layer = self.layers[number]\n            {CALL}",
    "a view of another shape": f"for layer in self.layers:\n            {CALL}.view(1, length, -1).contiguous()",
}
BETWEEN = {
    "factor": f"for layer in self.layers:\n            {CALL} * 1.5",
    "residual": f"for layer in self.layers:\n            {CALL} + first",
    "first layer alone": f"for number, layer in enumerate(self.layers):\n            {CALL} * (1 + (number == 0))",
}


@pytest.mark.parametrize("form", PLAIN)
def test_layers_one_after_the_other(form: str, tmp_path: Path, transformers_source: Path) -> None:
    found = read(tmp_path, transformers_source, classes=LOOP.format(loop=PLAIN[form]))
    assert len(found.layers) == 2


@pytest.mark.parametrize("form", BETWEEN)
def test_what_happens_between_layers_is_a_hole(form: str, tmp_path: Path, transformers_source: Path) -> None:
    with pytest.raises(NotUnderstood, match=r"what happens between layers 0 and 1|leaves the layer"):
        read(tmp_path, transformers_source, classes=LOOP.format(loop=BETWEEN[form]))
