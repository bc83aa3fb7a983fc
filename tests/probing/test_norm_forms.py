"""Each row of the norm forms, found in a module that is written in a way of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scaffold.probing.norms import NORM_FORMS
from tests.models.specs import decoder_of, edit, spec_of

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


def test_an_epsilon_that_the_source_states_has_no_key(nova: Path) -> None:
    edit(nova, BODY, "return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))")
    spec = decoder_of(nova)
    assert spec.norm is not None
    assert (spec.norm.eps.value, spec.norm.eps.key) == (1e-6, None)


@pytest.mark.parametrize("form", NORM_FORMS, ids=lambda form: form.name)
def test_a_form_computes_what_its_name_says(form: object) -> None:
    x, w, b, eps = (
        np.array([[3.0, -1.0, 2.0, 0.0]]),
        np.array([0.5, 1.5, -1.0, 2.0]),
        np.array([1.0, 0.0, 2.0, 3.0]),
        0.5,
    )
    (row,) = x.tolist()
    mean = sum(row) / 4 if form.name.startswith("layer") else 0.0  # type: ignore[attr-defined]
    size = (sum((v - mean) ** 2 for v in row) / 4 + eps) ** 0.5
    weight = {"no_weight": [1.0] * 4, "one_plus_weight": [1 + v for v in w]}
    factors = next((v for end, v in weight.items() if form.name.endswith(end)), w)  # type: ignore[attr-defined]
    offsets = b if form.has_bias else [0.0] * 4  # type: ignore[attr-defined]
    expected = [(v - mean) / size * f + o for v, f, o in zip(row, factors, offsets)]
    np.testing.assert_allclose(form.compute(x, w, b, eps)[0], expected)  # type: ignore[attr-defined]
