"""Norms on q and k that some layers have, and others do not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.mixers.grouped_query.example import EXAMPLE
from scaffold.mixers.grouped_query.spec import AttentionSpec
from scaffold.weights.prove import prove
from tests.mixers.test_examples import classes_of, read
from tests.models.around import write_around

EDITS = {
    "self.head_dim = config.head_dim\n": """self.head_dim = config.head_dim
        self.normed = config.normed_layers[layer_idx]
        if self.normed:
            self.q_norm = Norm(config.head_dim, config.rms_norm_eps)
            self.k_norm = Norm(config.head_dim, config.rms_norm_eps)
""",
    "        v = self.v_proj": """        if self.normed:
            q, k = self.q_norm(q), self.k_norm(k)
        v = self.v_proj""",
}


def test_norms_of_some_layers_are_made_and_called_there(tmp_path: Path) -> None:
    text = EXAMPLE.source
    for before, after in EDITS.items():
        assert before in text
        text = text.replace(before, after)
    config = {**EXAMPLE.config, "normed_layers": [1, 0, 1]}
    directory = write_around(tmp_path, {"mixer": replace(EXAMPLE, source=text, config=config)}, ["mixer"] * 3)
    checkpoint, source, decoder = read(directory)
    has_norms = [isinstance(one.mixer, AttentionSpec) and one.mixer.qk_norm is not None for one in decoder.layers]
    assert has_norms == [True, False, True]
    proof = prove(weight_map_of(decoder, checkpoint, source), checkpoint.tensors, (1, 2))
    assert (proof.findings, proof.unrouted) == ((), ())
    (written,) = classes_of(checkpoint, source, decoder).values()
    found = re.search(r"self\.use_qk_norm = (.*)\n        if self\.use_qk_norm:\n            self\.q_norm = ", written)
    assert found is not None
    assert found[1] == "config.normed_layers[layer_idx]"
    assert "        if self.use_qk_norm:\n            q = q.unflatten(-1, (self.num_heads, self.head_dim))\n" in written
