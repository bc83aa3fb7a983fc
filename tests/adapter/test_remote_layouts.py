"""What an adapter loads of a checkpoint whose tensors lie as in remote code."""

from __future__ import annotations

import json
from pathlib import Path

from scaffold.planning.plan import make_plan
from scaffold.planning.request import Request
from tests.checkpoint.made import checkpoint
from tests.lab.engine import engine
from tests.models.remote.build import CONFIG, source
from tests.reading.test_remote_forms import ONCE, PAIRS, PER_HEAD, UNIT_HEAD

PARTS = {
    "projections": PAIRS,
    "forward": PER_HEAD.format(
        split="self.kv(x).view(batch, length, self.kv_heads, 2 * self.size).transpose(1, 2).chunk(2, dim=-1)"
    ),
    "head": "self.lm_head = UnitHead(config.hidden_size, config.vocab_size)",
    "classes": UNIT_HEAD.format(body=ONCE),
}
HIDDEN, INNER, VOCAB = 64, 80, 96
SPLIT = """
            # [groups, keys and values, heads in a group * head_dim, ...]
            k, v = weight.unflatten(0, (groups, 2, -1)).unbind(1)
            yield f"{block}.self_attn.k_proj.{tensor}", k.flatten(0, 1)
            yield f"{block}.self_attn.v_proj.{tensor}", v.flatten(0, 1)
"""


def test_keys_and_values_are_split_and_the_head_is_normalised(tmp_path: Path) -> None:
    held = {
        "model.embed_tokens.weight": (VOCAB, HIDDEN),
        "lm_head.weight": (VOCAB, HIDDEN),
        "model.norm.weight": (HIDDEN,),
    }
    for layer in range(2):
        path = f"model.layers.{layer}."
        held |= {f"{path}self_attn.{name}.weight": (HIDDEN, HIDDEN) for name in ("q_proj", "kv", "o_proj")}
        held |= {f"{path}mlp.{name}_proj.weight": (INNER, HIDDEN) for name in ("gate", "up")}
        held[f"{path}mlp.down_proj.weight"] = (HIDDEN, INNER)
        held |= {f"{path}{name}.weight": (HIDDEN,) for name in ("input_layernorm", "post_attention_layernorm")}
    directory = checkpoint(tmp_path / "vela", {name: ("F32", shape) for name, shape in held.items()})
    (directory / "config.json").write_text(json.dumps(CONFIG))
    source(directory, engine().transformers, **PARTS)
    request = Request(
        directory,
        engine().pristine,
        None,
        "plugin",
        tmp_path / "plugin",
        strategy="native",
        transformers=engine().transformers,
    )
    text = make_plan(request).adapter
    assert text is not None
    assert "groups = self.config.num_key_value_heads\n" in text
    assert SPLIT in text
    assert 'if name == "lm_head.weight":\n                weight = torch.nn.functional.normalize(weight)\n' in text
