"""Each kind of mixer's own example: read, its weights proved, its cache counted, its adapter written."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from scaffold.adapter.context import adapter_context
from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.mixers import grouped_query, latent, table
from scaffold.mixers.protocol import Mixer
from scaffold.reading.from_source import read_from_source
from scaffold.source.locate import ModelingSource, find
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.values import Value
from scaffold.weights.prove import prove
from tests.models import window_mean
from tests.models.around import write_around
from tests.sampled import sampled

MADE_UP = pytest.mark.parametrize("kind", [*table.kinds(), window_mean], ids=lambda kind: kind.NAME)


def read(directory: Path) -> tuple[Checkpoint, ModelingSource | None, DecoderSpec]:
    checkpoint = read_checkpoint(directory)
    source = find(checkpoint.architecture, checkpoint.model_type, dict(checkpoint.auto_map), directory, None)
    spec = read_from_source(checkpoint, source)
    assert spec.decoder is not None, spec.holes
    return checkpoint, source, spec.decoder


def classes_of(checkpoint: Checkpoint, source: ModelingSource | None, decoder: DecoderSpec) -> dict[str, str]:
    rules = weight_map_of(decoder, checkpoint, source)
    context = adapter_context(checkpoint.architecture, "PretrainedConfig", decoder, rules, checkpoint.tensors)
    trees = (ast.parse(text) for text in context["mixer"]["classes"]["texts"])
    return {node.name: ast.unparse(node) for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}


@MADE_UP
def test_an_example_is_what_its_kind_says(tmp_path: Path, kind: Mixer) -> None:
    with table.extended(kind):
        checkpoint, source, decoder = read(write_around(tmp_path, {"mixer": kind.EXAMPLE}, ["mixer", "mixer"]))
        assert [layer.mixer for layer in decoder.layers] == [kind.EXAMPLE.spec] * 2
        assert table.kind_of(decoder.layer.mixer) is kind
        proof = prove(weight_map_of(decoder, checkpoint, source), checkpoint.tensors, (1, 2, 4))
        assert (proof.findings, proof.unrouted) == ((), ())
        assert kind.kept(decoder.layer.mixer) == kind.EXAMPLE.kept
        assert list(classes_of(checkpoint, source, decoder)) == [f"Corvus{kind.CLASS}"]


def test_a_kind_that_is_in_no_table_is_a_hole(tmp_path: Path) -> None:
    directory = write_around(tmp_path, {"mixer": window_mean.EXAMPLE}, ["mixer"])
    checkpoint = read_checkpoint(directory)
    source = find(checkpoint.architecture, checkpoint.model_type, dict(checkpoint.auto_map), directory, None)
    spec = read_from_source(checkpoint, source)
    assert spec.decoder is None
    assert spec.holes


def test_latent_attention_that_chooses_tokens_is_not_read_as_plain(tmp_path: Path) -> None:
    """An indexer takes all of the few tokens of a probe, so that only its weights tell that it is there."""
    made = "        self.o_proj = nn.Linear("
    choice = "        self.indexer = nn.Linear(config.hidden_size, self.heads, bias=False)\n"
    added = "        scores = scores + 0.0 * self.indexer(hidden_states).sum()\n        out = F.softmax("
    source = latent.EXAMPLE.source.replace(made, choice + made).replace("        out = F.softmax(", added)
    directory = write_around(tmp_path, {"mixer": replace(latent.EXAMPLE, source=source)}, ["mixer"])
    checkpoint = read_checkpoint(directory)
    found = find(checkpoint.architecture, checkpoint.model_type, dict(checkpoint.auto_map), directory, None)
    spec = read_from_source(checkpoint, found)
    assert spec.decoder is None
    assert "latent attention with other weights in it (indexer.weight)" in spec.holes[0].what


def test_the_table_is_as_before_once_an_extension_ends() -> None:
    before = table.kinds()
    with table.extended(window_mean):
        assert table.kinds() == (window_mean, *before)
    assert table.kinds() == before


TWO_KINDS = {
    "latent beside grouped-query": (
        {"wide": grouped_query.EXAMPLE, "narrow": latent.EXAMPLE},
        ["CorvusLatentAttention", "CorvusGroupedQueryAttention"],
        'config.mixer_types[layer_idx] == "narrow"',
    ),
    "one that was made up": (
        {"wide": grouped_query.EXAMPLE, "mean": window_mean.EXAMPLE},
        ["CorvusWindowMean", "CorvusAttention"],
        'config.mixer_types[layer_idx] == "mean"',
    ),
}


@pytest.mark.parametrize("name", TWO_KINDS)
def test_layers_with_two_kinds_have_a_class_for_each(tmp_path: Path, name: str) -> None:
    examples, classes, condition = TWO_KINDS[name]
    types = [*examples, *examples, "wide"]
    sizes = {"qk_rope_head_dim": 32} if "narrow" in examples else {}
    with table.extended(window_mean):
        checkpoint, source, decoder = read(write_around(tmp_path, examples, types, **sizes))
        assert [layer.mixer.name for layer in decoder.layers] == types
        specs = [kind.Spec for kind in table.kinds() if any(isinstance(one.mixer, kind.Spec) for one in decoder.layers)]
        assert prove(weight_map_of(decoder, checkpoint, source), checkpoint.tensors, (1, 2, 4)).holds
        assert list(classes_of(checkpoint, source, decoder)) == classes
        rules = weight_map_of(decoder, checkpoint, source)
        context = adapter_context("CorvusForCausalLM", "PretrainedConfig", decoder, rules, checkpoint.tensors)
    first, last = (next(layer.mixer.name for layer in decoder.layers if type(layer.mixer) is s) for s in specs)
    assert context["mixer"]["setup"]["lines"] == [f"self.has_{first} = {condition}"]
    assert [(row["condition"], row["lines"][0]) for row in context["mixer"]["choices"]["rows"]] == [
        (f"self.has_{first}", f"self.{first} = {classes[0]}("),
        ("", f"self.{last} = {classes[1]}("),
    ]
    assert context["layer"]["pick"]["lines"] == [f"mixer = self.{first} if self.has_{first} else self.{last}"]


@pytest.mark.parametrize("kind", sampled(table.kinds(), every=3), ids=lambda kind: kind.NAME)
@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({}, False),
        ({"sliding_window": 16}, True),
        ({"sliding_window": None}, False),
        ({"sliding_window": 16, "layer_types": ["full_attention", "full_attention"]}, True),
        ({"sliding_window": 16, "layer_types": ["full_attention", "sliding_attention"]}, False),
    ],
)
def test_layers_that_see_all_tokens_do_not_take_the_window_of_the_config(
    tmp_path: Path, kind: Mixer, config: dict[str, object], told: bool
) -> None:
    read_as = read(write_around(tmp_path, {"mixer": kind.EXAMPLE}, ["mixer", "mixer"], **config))
    (text,) = classes_of(*read_as).values()
    assert ("cache_config.sliding_window = None" in text) is told


def test_attention_in_chunks_has_a_layer_of_its_own(tmp_path: Path) -> None:
    chunks = """\
        index = torch.arange(hidden_states.shape[1]) // self.size
        mask = mask + torch.where(index[:, None] == index[None, :], 0.0, -1e30)
        scores = """
    source = grouped_query.EXAMPLE.source.replace("        scores = ", chunks)
    made = "        self.size = config.attention_chunk_size\n        self.q_proj"
    source = source.replace("        self.q_proj", made)
    config = {**grouped_query.EXAMPLE.config, "attention_chunk_size": 8}
    example = replace(grouped_query.EXAMPLE, source=source, config=config)
    checkpoint, modeling, decoder = read(write_around(tmp_path, {"part": example}, ["part"] * 2))
    assert [layer.mixer.chunk for layer in decoder.layers] == [Value(8, "attention_chunk_size")] * 2
    (text,) = classes_of(checkpoint, modeling, decoder).values()
    assert "self.attn = ChunkedLocalAttention(" in text
    assert "attention_chunk_size=config.attention_chunk_size" in text


def test_chunks_whose_length_no_key_gives_are_a_hole(tmp_path: Path) -> None:
    source = grouped_query.EXAMPLE.source.replace(
        "        scores = ",
        "        index = torch.arange(hidden_states.shape[1]) // 5\n"
        "        mask = mask + torch.where(index[:, None] == index[None, :], 0.0, -1e30)\n        scores = ",
    )
    directory = write_around(tmp_path, {"part": replace(grouped_query.EXAMPLE, source=source)}, ["part"])
    checkpoint = read_checkpoint(directory)
    found = find(checkpoint.architecture, checkpoint.model_type, dict(checkpoint.auto_map), directory, None)
    (hole,) = read_from_source(checkpoint, found).holes
    assert "attention_chunk_size is 5 in a probe" in hole.what


def test_a_projection_that_gives_more_than_q_k_and_v_is_named(tmp_path: Path) -> None:
    """As in a block whose attention and MLP begin with one projection."""
    source = grouped_query.EXAMPLE.source
    for old, new in (
        ("nn.Linear(config.hidden_size, kv_size, bias=False)\n        self.o_proj", "WIDER\n        self.o_proj"),
        (
            "WIDER",
            "nn.Linear(config.hidden_size, kv_size + config.intermediate_size, bias=False)\n"
            "        self.kv_size = kv_size",
        ),
        ("self.v_proj(hidden_states).view", "self.v_proj(hidden_states)[..., : self.kv_size].view"),
    ):
        assert old in source
        source = source.replace(old, new)
    directory = write_around(tmp_path, {"mixer": replace(grouped_query.EXAMPLE, source=source)}, ["mixer"])
    checkpoint = read_checkpoint(directory)
    found = find(checkpoint.architecture, checkpoint.model_type, dict(checkpoint.auto_map), directory, None)
    (hole,) = read_from_source(checkpoint, found).holes
    assert "v_proj, which gives more than q, k and v" in hole.what
