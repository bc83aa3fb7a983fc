"""What an adapter loads of a checkpoint whose tensors lie as in remote code."""

from __future__ import annotations

import json
import re
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


STACK = """
class VelaStack(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.layers = nn.ModuleList(VelaLayer(config, number) for number in range(config.num_hidden_layers))
        self.norm = VelaNorm(config.hidden_size, eps=config.rms_norm_eps)
"""


def test_modules_of_a_stack_and_a_table_outside_of_the_layers(tmp_path: Path) -> None:
    """What lies deeper on disk is loaded where the adapter has it; a saved table is left out by its name, and layers
    that no text goes through are one part, whether the source or their names tell.
    """
    held = {"model.embed_tokens.weight": (VOCAB, HIDDEN), "lm_head.weight": (VOCAB, HIDDEN)}
    held |= {"model.stack.norm.weight": (HIDDEN,), "model.rotary.inv_freq": (8,)}
    held["model.mtp_layers.0.weight"] = (HIDDEN, HIDDEN)
    for layer in range(2):
        path = f"model.stack.layers.{layer}."
        held |= {f"{path}self_attn.{name}_proj.weight": (HIDDEN, HIDDEN) for name in "qo"}
        held |= {f"{path}self_attn.{name}_proj.weight": (HIDDEN // 2, HIDDEN) for name in "kv"}
        held |= {f"{path}mlp.{name}_proj.weight": (INNER, HIDDEN) for name in ("gate", "up")}
        held[f"{path}mlp.down_proj.weight"] = (HIDDEN, INNER)
        held |= {f"{path}{name}.weight": (HIDDEN,) for name in ("input_layernorm", "post_attention_layernorm")}
    directory = checkpoint(tmp_path / "vela", {name: ("F32", shape) for name, shape in held.items()})
    config = {key: value for key, value in CONFIG.items() if key != "max_position_embeddings"}
    (directory / "config.json").write_text(json.dumps({**config, "architectures": ["VelaModel"]}))
    source(directory, engine().transformers, classes=STACK)
    many = "[VelaLayer(config, number) for number in range(config.num_hidden_layers)]"
    layers = f"        self.layers = nn.ModuleList({many})\n"
    norm = "        self.norm = VelaNorm(config.hidden_size, config.rms_norm_eps)\n"
    table = "        self.rotary = VelaRotary(16, 511, config.rope_theta)\n"
    further = (
        "        self.mtp_layers = nn.ModuleList([nn.Linear(config.hidden_size, config.hidden_size, bias=False)])\n"
    )
    text = (directory / "modeling_vela.py").read_text()
    for old, new in (
        (f"{layers}{norm}", f"        self.stack = VelaStack(config)\n{table}{further}"),
        ("enumerate(self.layers)", "enumerate(self.stack.layers)"),
        ("self.norm(x)", "self.stack.norm(x)"),
        ("config.max_position_embeddings, config.rope_theta)", "512, config.rope_theta)"),
        (
            "        self.stack = V",
            "        self.rotary = VelaRotary(16, 511, config.rope_theta)\n        self.stack = V",
        ),
        ('("inv_freq", inverse, persistent=False)', '("inv_freq", inverse, persistent=length == 511)'),
    ):
        assert old in text, old
        text = text.replace(old, new)
    (directory / "modeling_vela.py").write_text(text)
    settings = (directory / "configuration_vela.py").read_text()
    length = "        self.max_position_embeddings = max_position_embeddings\n"
    assert length in settings
    (directory / "configuration_vela.py").write_text(settings.replace(length, ""))
    own = {"strategy": "native", "transformers": engine().transformers}
    adapter = make_plan(Request(directory, engine().pristine, None, "plugin", tmp_path / "plugin", **own)).adapter  # type: ignore[arg-type]
    assert adapter is not None
    assert '"model.rotary.inv_freq": None' in adapter
    assert '"model.mtp_layers.": None' in adapter
    assert "self.start_layer, self.end_layer, self.layers = make_layers(" in adapter
    assert "max_position=get_current_vllm_config().model_config.max_model_len," in adapter
    assert {"VelaTextModel", "VelaModel"} <= set(re.findall(r"^class (\w+)", adapter, re.MULTILINE))
