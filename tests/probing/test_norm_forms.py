"""Each row of the norm forms, found in a module that is written in a way of its own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scaffold.adapter.context import adapter_context
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.mixers.grouped_query.spec import QkNormSpec
from scaffold.rendering.formatting import format_python
from scaffold.rendering.template import render
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.norm_forms import NORM_FORMS, NormForm, norm_form
from scaffold.spec.norms import NormSpec
from scaffold.spec.values import Value
from tests.mixers.test_examples import read
from tests.models.specs import decoder_of, edit, spec_of
from tests.rows import each
from tests.sampled import sampled

PARAMETERS = "self.weight = nn.Parameter(torch.ones(size))"
BODY = """scale = 1.0 / torch.sqrt((x * x).sum(-1, keepdim=True) / x.shape[-1] + self.eps)
        return x * scale * self.weight"""
WITH_BIAS = f"{PARAMETERS}\n        self.bias = nn.Parameter(torch.zeros(size))"
CENTRED = (
    "x = x - x.sum(-1, keepdim=True) / x.shape[-1]\n        "
    "x = x / (x.square().mean(-1, keepdim=True) + self.eps).sqrt()\n        "
)
WRITTEN = {
    "rms": (PARAMETERS, "return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))"),
    "rms_one_plus_weight": (
        PARAMETERS,
        "x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)\n        return x + x * self.weight",
    ),
    "rms_no_weight": ("pass", "return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)"),
    "layer": (WITH_BIAS, CENTRED + "return self.bias + x * self.weight"),
    "layer_no_bias": (PARAMETERS, CENTRED + "return x * self.weight"),
    "layer_no_weight": ("pass", CENTRED + "return x"),
    "layer_one_plus_weight": (WITH_BIAS, CENTRED + "return x * (1 + self.weight) + self.bias"),
}
ODD = {
    "an exponent of its own": (
        PARAMETERS,
        "return self.weight * x * (x.pow(2).mean(-1, keepdim=True) + self.eps) ** -0.4",
    ),
    "2 + weight": (
        PARAMETERS,
        "return (2 + self.weight) * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))",
    ),
    "the largest entry": (PARAMETERS, "return self.weight * x / (x.abs().amax(-1, keepdim=True) + self.eps)"),
}  # fmt: skip


def write(checkpoint: Path, parameters: str, body: str) -> None:
    edit(checkpoint, BODY, body)
    edit(checkpoint, PARAMETERS, parameters)


@pytest.mark.parametrize("form", [form.name for form in NORM_FORMS])
def test_a_form_is_known_however_it_is_written(nova: Path, form: str) -> None:
    write(nova, *WRITTEN[form])
    spec = decoder_of(nova)
    assert spec.norm is not None
    assert spec.norm.form == form
    assert (spec.norm.eps.value, spec.norm.eps.key) == (1e-5, "rms_norm_eps")
    assert {norm.form for _, norm in spec.layer.norms} == {form}


@pytest.mark.parametrize("name", ODD)
def test_what_only_resembles_a_norm_is_a_hole(nova: Path, name: str) -> None:
    write(nova, *ODD[name])
    spec = spec_of(nova)
    assert spec.decoder is None
    assert "norm" in spec.holes[0].what.lower()


@pytest.mark.parametrize(("form", "weight", "bias"), [("rms", "scale", "bias"), ("layer", "gain", "offset")])
def test_a_norm_may_call_its_parameters_anything(nova: Path, form: str, weight: str, bias: str) -> None:
    parameters, body = (
        text.replace("self.weight", f"self.{weight}").replace("self.bias", f"self.{bias}") for text in WRITTEN[form]
    )
    write(nova, parameters, body)
    checkpoint, source, spec = read(nova)
    assert spec.norm is not None
    assert (spec.norm.form, spec.norm.weight, spec.norm.bias) == (form, weight, bias)
    rules = weight_map_of(spec, checkpoint, source).rules
    found = {rule.source: rule.target for rule in rules if rule.source.startswith("model.norm.")}
    assert found == {
        f"model.norm.{ours}": f"model.norm.{name}"
        for ours, name in [(weight, "weight"), (bias, "bias")][: 1 + norm_form(form).has_bias]
    }


def test_an_epsilon_that_the_source_states_has_no_key(nova: Path) -> None:
    edit(nova, BODY, "return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))")
    spec = decoder_of(nova)
    assert spec.norm is not None
    assert (spec.norm.eps.value, spec.norm.eps.key) == (1e-6, None)


X = [3.0, -1.0, 2.5, 0.5]
WEIGHT, BIAS, EPSILON = [0.5, 1.5, -1.0, 2.0], [1.0, 0.0, 2.0, 3.0], 0.5
RMS = [x / (sum(x * x for x in X) / 4 + EPSILON) ** 0.5 for x in X]
MEAN = sum(X) / 4
LAYER = [(x - MEAN) / (sum((x - MEAN) ** 2 for x in X) / 4 + EPSILON) ** 0.5 for x in X]
BY_HAND = {
    "rms": [x * w for x, w in zip(RMS, WEIGHT)],
    "rms_one_plus_weight": [x * (1 + w) for x, w in zip(RMS, WEIGHT)],
    "rms_no_weight": RMS,
    "layer": [x * w + b for x, w, b in zip(LAYER, WEIGHT, BIAS)],
    "layer_no_bias": [x * w for x, w in zip(LAYER, WEIGHT)],
    "layer_no_weight": LAYER,
    "layer_one_plus_weight": [x * (1 + w) + b for x, w, b in zip(LAYER, WEIGHT, BIAS)],
}


@each("form", NORM_FORMS, ids=lambda form: form.name)
def test_a_form_computes_what_its_name_says(form: NormForm) -> None:
    found = form.compute(np.array([X]), np.array(WEIGHT), np.array(BIAS), EPSILON)
    np.testing.assert_allclose(found[0], BY_HAND[form.name])


def inside_of_attention(spec: DecoderSpec, norm: NormSpec) -> DecoderSpec:
    """Return a decoder with this norm on the heads of q and k."""
    qk_norm = QkNormSpec("q_norm", "k_norm", norm, per_head=True, before_rope=True)
    layers = tuple(replace(layer, mixer=replace(layer.mixer, qk_norm=qk_norm)) for layer in spec.layers)
    return replace(spec, layers=layers)


@pytest.mark.parametrize("is_inside", sampled([False, True], every=3), ids=["between blocks", "inside of a block"])
@pytest.mark.parametrize("form", sampled([form.name for form in NORM_FORMS], every=2))
def test_an_adapter_has_all_that_its_norms_call(nova: Path, tmp_path: Path, form: str, is_inside: bool) -> None:
    if not is_inside:
        write(nova, *WRITTEN[form])
    checkpoint, source, spec = read(nova)
    rules = weight_map_of(spec, checkpoint, source)
    if is_inside:
        spec = inside_of_attention(spec, NormSpec(form, Value(1e-5, "rms_norm_eps")))
    context = adapter_context(checkpoint.architecture, "PretrainedConfig", spec, rules, checkpoint.tensors)
    about = {
        "model_name": "nova",
        "module": "nova",
        "adapter": True,
        "delivery": {},
        "processor_files": "",
        "image_processor": "",
        "image_token": "",
    }
    files = render({**about, **context})
    text = format_python(files["vllm/model_executor/models/nova.py"], tmp_path, Path("nova.py"))
    assert norm_form(form).layer.partition("(")[0].format(prefix="Nova") + "(" in text
    command = [sys.executable, "-m", "ruff", "check", "--quiet", "--isolated", "--select", "F821", "-"]
    assert subprocess.run(command, input=text, capture_output=True, text=True, check=False).stdout == ""
