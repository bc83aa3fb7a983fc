"""Where the parts of remote code lie, and what it does besides: none of it stands between a model and its reading."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scaffold.reading.from_source import read_decoder
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.decoder import DecoderSpec
from tests.models.remote.build import CONFIG, Text, read, source

LAYERS = "self.layers = nn.ModuleList([VelaLayer(config, number) for number in range(config.num_hidden_layers)])"
LOOP = "enumerate(self.layers)"
LOGITS = "logits = self.lm_head(hidden).float()"
MASK = "mask = _prepare_4d_causal_attention_mask(attention_mask, (batch, length), x, past)"
HEADS = "x).view(batch, length, self.heads, self.size)"
FURTHER = """
class VelaFurther(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.eh_proj = nn.Linear(2 * config.hidden_size, config.hidden_size, bias=False)
        self.block = VelaLayer(config, config.num_hidden_layers)

    def forward(self, x, before, **kwargs):
        return self.block(self.eh_proj(torch.cat((before, x), dim=-1)), **kwargs)
"""


def edited(
    directory: Path,
    transformers: Path,
    *pairs: tuple[str, str],
    config: Mapping[str, Any] | None = None,
    files: Mapping[str, str] | None = None,
    **parts: str,
) -> DecoderSpec:
    """Read the decoder with other parts, other words in its source and further files beside it."""
    found = source(directory, transformers, **parts)
    text = found.file.path.read_text()
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    (directory / "modeling_vela.py").write_text(text)
    for name, content in (files or {}).items():
        (directory / name).write_text(content)
    again = source(directory, transformers, **parts)  # as the plain text, which is written over again
    (directory / "modeling_vela.py").write_text(text)
    parsed = type(found.file).parse(found.file.path)
    return read_decoder(type(again)(**{**vars(again), "file": parsed}), Text({**CONFIG, **(config or {})}))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, transformers_source: Path) -> DecoderSpec:
    return read(tmp_path_factory.mktemp("plain"), transformers_source)


def test_layers_and_norm_in_a_module_of_their_own(tmp_path: Path, transformers_source: Path) -> None:
    stack = "\nclass VelaStack(nn.Module):\n    def __init__(self, config):\n        super().__init__()\n"
    stack += "        self.layers = nn.ModuleList(VelaLayer(config, n) for n in range(config.num_hidden_layers))\n"
    stack += "        self.norm = VelaNorm(config.hidden_size, eps=config.rms_norm_eps)\n"
    spec = edited(
        tmp_path,
        transformers_source,
        (f"        {LAYERS}\n        self.norm = VelaNorm(config.hidden_size, config.rms_norm_eps)\n", ""),
        (
            "self.gradient_checkpointing = False",
            "self.stack = VelaStack(config)\n        self.gradient_checkpointing = False",
        ),
        (LOOP, "enumerate(self.stack.layers)"),
        ("self.norm(x)", "self.stack.norm(x)"),
        classes=stack,
    )
    names = (spec.base_name, spec.embedding.name, spec.layers_name, spec.norm_name)
    assert names == ("model", "embed_tokens", "stack.layers", "stack.norm")


def test_a_head_that_is_the_embedding(tmp_path: Path, transformers_source: Path, plain: DecoderSpec) -> None:
    shared = (LOGITS, "logits = F.linear(hidden, self.model.embed_tokens.weight)")
    spec = edited(tmp_path, transformers_source, shared, config={"tie_word_embeddings": True}, head="pass")
    assert (spec.head_name, spec.tied.value, spec.head_bias) == ("lm_head", True, False)
    assert spec.layers == plain.layers
    spec = edited(tmp_path, transformers_source, shared, config={"tie_word_embeddings": False}, head="pass")
    assert (spec.head_name, spec.tied.value, spec.tied.key) == ("lm_head", True, None)
    assert spec.layers == plain.layers


def test_a_head_whose_weight_no_layer_has(tmp_path: Path, transformers_source: Path) -> None:
    """It is not the embedding, though the config says that the head is."""
    own = "self.readout = nn.Parameter(torch.empty(config.vocab_size, config.hidden_size))"
    used = (LOGITS, "logits = F.linear(hidden, self.readout)")
    with pytest.raises(NotUnderstood, match="a head whose weight is no layer's"):
        edited(tmp_path, transformers_source, used, config={"tie_word_embeddings": True}, head=own)


def test_layers_for_further_tokens_behind_the_others(
    tmp_path: Path, transformers_source: Path, plain: DecoderSpec
) -> None:
    """They run, and nothing that they give is a part of the logits."""
    made = (LAYERS, f"{LAYERS}\n        self.layers.append(VelaFurther(config))")
    run = "enumerate(self.layers[:-1])"
    behind = (
        "        torch.cuda.empty_cache()",
        "        further = self.layers[-1](x, self.embed_tokens(input_ids), attention_mask=mask,"
        " position_ids=position_ids)",
    )
    spec = edited(tmp_path, transformers_source, made, (LOOP, run), behind, classes=FURTHER)
    assert spec.layers == plain.layers
    assert spec.listed is None  # so that the names of what is left out are those of the files
    with pytest.raises(NotUnderstood):
        edited(
            tmp_path,
            transformers_source,
            made,
            (LOOP, run),
            behind,
            ("self.norm(x)", "self.norm(further)"),
            classes=FURTHER,
        )


@pytest.mark.parametrize(
    ("heads", "hidden", "new"),
    [
        (8, 128, "x).view(batch, length, 8, self.heads // 8, self.size).flatten(2, 3)"),
        (4, 256, "x).view(batch, length, -1, 64)"),
    ],
)
def test_sizes_that_the_source_has_as_literals(
    heads: int, hidden: int, new: str, tmp_path: Path, transformers_source: Path
) -> None:
    sizes = {"num_attention_heads": heads, "num_key_value_heads": heads, "hidden_size": hidden}
    spec = edited(tmp_path, transformers_source, (HEADS, new), config=sizes)
    mixer: Any = spec.layers[0].mixer
    assert mixer.num_heads.key == "num_attention_heads"
    assert mixer.head_dim.value == hidden // heads


def test_sizes_that_no_probe_has_are_a_hole(tmp_path: Path, transformers_source: Path) -> None:
    with pytest.raises(NotUnderstood, match="'view' with these arguments"):
        edited(tmp_path, transformers_source, (HEADS, "x).view(batch, length, -1, 44)"))


def test_first_values_of_weights_are_nothing_and_other_functions_are_applied(
    tmp_path: Path, transformers_source: Path, plain: DecoderSpec
) -> None:
    begin = "        self.gradient_checkpointing = False\n        self."
    assert edited(tmp_path, transformers_source, (f"{begin}post_init()", f"{begin}apply(self._init_weights)")) == plain
    other = "\ndef other(module):\n    if isinstance(module, VelaMLP):\n        module.act = nn.ReLU()\n"
    spec = edited(tmp_path, transformers_source, (f"{begin}post_init()", f"{begin}apply(other)"), classes=other)
    block: Any = spec.layers[0].feed_forward
    assert block.activation.value == "relu"


def test_what_stands_in_place_of_masked_scores_is_no_weight(
    tmp_path: Path, transformers_source: Path, plain: DecoderSpec
) -> None:
    made = (
        "        self.reset_parameters()\n\n",
        '        self.register_buffer("masked_bias", torch.tensor(-1e9))\n\n',
    )
    where = (
        "            weights = weights + attention_mask\n",
        "            weights = torch.where(attention_mask == 0, weights, self.masked_bias)\n",
    )
    spec = edited(tmp_path, transformers_source, made, where)
    assert spec.layers == plain.layers
    assert spec.buffers == ("model.layers.{layer}.self_attn.masked_bias",)


def test_a_model_that_asks_which_tokens_fill_up(tmp_path: Path, transformers_source: Path, plain: DecoderSpec) -> None:
    own = "rows = torch.ones((length, length), device=attention_mask.device).tril()"
    spec = edited(tmp_path, transformers_source, (MASK, f"{own}\n        mask = (1 - rows) * -1e9"))
    assert spec.layers == plain.layers
    assert not spec.given_mask


def test_a_buffer_that_is_registered_as_the_model_runs_is_what_it_is(
    tmp_path: Path, transformers_source: Path, plain: DecoderSpec
) -> None:
    late = '        self.register_buffer("late", torch.ones(1))\n        return self.down_proj(self.late * '
    assert edited(tmp_path, transformers_source, ("        return self.down_proj(", late)).layers == plain.layers


def test_files_beside_it_under_any_name(tmp_path: Path, transformers_source: Path, plain: DecoderSpec) -> None:
    pieces = {"pieces.py": "def gated(gate, up):\n    return gate * up\n"}
    product = ("self.act(self.gate_proj(x)) * self.up_proj(x)", "gated(self.act(self.gate_proj(x)), self.up_proj(x))")
    spec = edited(tmp_path, transformers_source, product, files=pieces, imports="from .pieces import gated")
    assert spec.layers == plain.layers


def test_what_it_asks_of_the_python_around_it(tmp_path: Path, transformers_source: Path, plain: DecoderSpec) -> None:
    asked = """
if importlib.util.find_spec("einops") is None or importlib.util.find_spec("vela_kernels") is not None:
    raise RuntimeError("another machine")
log.info(f"made by {__file__}, with at most {config.max_length} tokens at a temperature of {config.temperature}")
self.parts = nn.ParameterList()
self.parts.append(nn.Parameter(torch.ones(3)))
assert len(self.parts) == 1 and [one.shape[0] for one in self.parts] == [3]
self.k_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=False)
self.v_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=False)
"""
    imports = "import importlib.util\nimport logging as logs\nlog = logs.getLogger(__name__)"
    assert edited(tmp_path, transformers_source, projections=asked, imports=imports).layers == plain.layers


def test_a_config_class_over_one_of_transformers(tmp_path: Path, transformers_source: Path, plain: DecoderSpec) -> None:
    """Its fields and what completes them are those of the class that it extends."""
    own = """
from transformers.models.qwen2.configuration_qwen2 import Qwen2Config


class VelaConfig(Qwen2Config):
    model_type = "vela"

    def __init__(self, *args, further=0, **kwargs):
        self.further = further
        super().__init__(*args, **kwargs)
"""
    asked = """
assert config.layer_types[0] == "full_attention" and config.further == 3 and config.max_window_layers == 28
self.k_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=False)
self.v_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=False)
"""
    base = source(tmp_path, transformers_source, projections=asked)
    (tmp_path / "configuration_vela.py").write_text(own)
    parsed = type(base.file).parse(tmp_path / "configuration_vela.py")
    made = type(base)(**{**vars(base), "config_file": parsed})
    spec = read_decoder(made, Text({**CONFIG, "further": 3, "pad_token_id": 0}))  # type: ignore[arg-type]
    assert [layer.mixer for layer in spec.layers] == [layer.mixer for layer in plain.layers]


def test_a_vocabulary_that_the_config_class_fills_up(tmp_path: Path, transformers_source: Path) -> None:
    base = source(tmp_path, transformers_source)
    config = tmp_path / "configuration_vela.py"
    plainly = "self.vocab_size = vocab_size"
    assert plainly in config.read_text()
    config.write_text(config.read_text().replace(plainly, "self.vocab_size = (vocab_size + 63) // 64 * 64"))
    made = type(base)(**{**vars(base), "config_file": type(base.file).parse(config)})
    assert read_decoder(made, Text(CONFIG)).vocab_size.value == 128  # type: ignore[arg-type]


@pytest.mark.parametrize("shares", [(1.0, 0.0), (0.0, 1.0), (0.5, 0.5)])
def test_the_usual_scale_on_q_or_k_or_both(
    shares: tuple[float, float], tmp_path: Path, transformers_source: Path, plain: DecoderSpec
) -> None:
    own = [f"{name} * (self.size**-{0.5 * share})" for name, share in zip("qk", shares)]
    weights = (
        "torch.matmul(q, k.transpose(2, 3)) / math.sqrt(self.size)",
        f"torch.matmul({own[0]}, ({own[1]}).transpose(2, 3))",
    )
    assert edited(tmp_path, transformers_source, weights).layers == plain.layers
