"""A norm that q and k share has no weight that would tell them apart: an adapter makes it once."""

from __future__ import annotations

from pathlib import Path

from scaffold.mixers.grouped_query.spec import AttentionSpec
from tests.mixers.test_examples import classes_of, read
from tests.models.odd_blocks import Odd, write_odd

ODD = Odd(
    made="self.both_norm = Unweighted(config.rms_norm_eps)",
    before="query, key = self.both_norm(query), self.both_norm(key)",
    replaced=(
        (
            "class OddMixer",
            "class Unweighted(nn.Module):\n"
            "    def __init__(self, eps):\n"
            "        super().__init__()\n"
            "        self.eps = eps\n\n"
            "    def forward(self, x):\n"
            "        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)\n\n\n"
            "class OddMixer",
        ),
    ),
)


def test_a_norm_of_both_is_made_once(tmp_path: Path) -> None:
    checkpoint, source, decoder = read(write_odd(tmp_path, ODD, layers=1))
    mixer = decoder.layer.mixer
    assert isinstance(mixer, AttentionSpec)
    assert mixer.qk_norm is not None
    assert (mixer.qk_norm.q_name, mixer.qk_norm.k_name) == ("both_norm", "both_norm")
    text = classes_of(checkpoint, source, decoder)["CorvusAttention"]
    assert text.count("self.both_norm = RMSNorm(") == 1
    assert text.count("self.both_norm(") == 2
