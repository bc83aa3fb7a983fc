"""Numbers on the way of latent attention: on the heads of q behind their projection, and on latents behind a norm."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from scaffold.adapter.context import adapter_context
from scaffold.checkpoint.read import read_checkpoint
from scaffold.idioms.frame import Target
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.reading.from_source import read_from_source
from scaffold.source.locate import find
from scaffold.source.python.errors import NotUnderstood
from scaffold.weights.prove import prove
from tests.models.scaled_latents import FACTORS, SPLIT, WITH_Q_LATENT, WITHOUT_Q_LATENT, write_scaled
from tests.rows import each

Q, KV = "(config.hidden_size / config.q_lora_rank) ** 0.5", "(config.hidden_size / config.kv_lora_rank) ** 0.5"
ONE_MORE = (("self.q_norm(self.q_a_proj(hidden_states))", "self.q_norm(self.q_a_proj(hidden_states)) * 3.0"),)


def class_of(directory: Path, *, cached: bool) -> str:
    """Return the adapter's class of latent attention, as Python prints it."""
    checkpoint = read_checkpoint(directory)
    source = find(checkpoint.architecture, checkpoint.model_type, dict(checkpoint.auto_map), directory, None)
    spec = read_from_source(checkpoint, source)
    assert spec.decoder is not None, spec.holes
    target = Target(cached_latents=cached)
    rules = weight_map_of(spec.decoder, checkpoint, source, target)
    assert prove(rules, checkpoint.tensors, (1, 2, 4)).holds
    names = checkpoint.tensors
    context = adapter_context(checkpoint.architecture, "PretrainedConfig", spec.decoder, rules, names, target=target)
    (text,) = context["mixer"]["classes"]["texts"]
    return ast.unparse(ast.parse(text))


@each(
    ("replaced", "cached", "written"),
    [
        (WITHOUT_Q_LATENT, False, (f"self.q_scale = {Q}", "self.qk_head_dim) * self.q_scale", f"self.kv_scale = {KV}")),
        (WITH_Q_LATENT, False, (f"self.q_scale = {Q}", "q = self.q_norm(q) * self.q_scale", "* self.kv_scale")),
        ((*WITH_Q_LATENT, *ONE_MORE), False, (f"self.q_scale = 3.0 * {Q}", "q = self.q_norm(q) * self.q_scale")),
        (WITHOUT_Q_LATENT, True, (f"self.scaling = self.qk_head_dim ** (-0.5) * {Q}", f"kv_scale = {KV}")),
        (
            WITH_Q_LATENT,
            True,
            (
                f"self.scaling = self.qk_head_dim ** (-0.5) * {Q}",
                "set_weight_attrs(self.kv_a_norm.weight, {'weight_loader': composed_weight_loader(",
                "lambda weight: weight * kv_scale",
            ),
        ),
    ],
    ids=["q", "q latent", "two factors", "q, cached", "q latent, cached"],
)
def test_factors_are_written_as_expressions_of_the_config(
    tmp_path_factory: pytest.TempPathFactory,
    replaced: tuple[tuple[str, str], ...],
    cached: bool,
    written: tuple[str, ...],
) -> None:
    directory = tmp_path_factory.mktemp("scaled")
    text = class_of(write_scaled(directory, replaced), cached=cached)
    assert [part for part in written if part not in text] == []


@each(
    ("factors", "hole"),
    [
        ("        q_nope = q_nope * self.q_factor\n", "what happens to the rotated part of q and k"),
        ("        q_rope = q_rope * self.q_factor\n", "what happens to the rotated part of q and k"),
        (FACTORS.replace("self.q_factor", "0.123456789"), "a factor of 0.123457 on q that no config key gives"),
    ],
    ids=["not where it turns", "only where it turns", "of nothing"],
)
def test_factors_that_are_not_those_of_all_of_q_are_holes(
    tmp_path_factory: pytest.TempPathFactory, factors: str, hole: str
) -> None:
    directory = tmp_path_factory.mktemp("scaled")
    replaced = [(old, SPLIT + factors) if old == SPLIT else (old, new) for old, new in WITHOUT_Q_LATENT]
    checkpoint = read_checkpoint(write_scaled(directory, replaced))
    source = find(checkpoint.architecture, checkpoint.model_type, dict(checkpoint.auto_map), directory, None)
    (found,) = read_from_source(checkpoint, source).holes
    assert hole in found.what


def test_a_factor_on_a_norm_that_multiplies_by_more_than_its_weight_is_a_hole(tmp_path: Path) -> None:
    directory = write_scaled(tmp_path, WITHOUT_Q_LATENT)
    modeling = directory / "modeling_corvus.py"
    modeling.write_text(modeling.read_text().replace("+ self.eps) * self.weight", "+ self.eps) * (1.0 + self.weight)"))
    assert "* self.kv_scale" in class_of(directory, cached=False)
    with pytest.raises(NotUnderstood, match="no idiom yet for scaled latents in vLLM's MLA layer"):
        class_of(directory, cached=True)
