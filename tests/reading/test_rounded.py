"""Where source rounds to 16 bits by a type that it names, which no form shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.reading.present import decoder_facts
from tests.carried.test_carried_over import holes_of
from tests.mixers.test_examples import read as read_odd
from tests.models.odd_blocks import Odd, write_odd
from tests.models.remote.build import read
from tests.sampled import sampled

LOOP = """
class Rounding(VelaRotary):
    def forward(self, x, seq_len):
        cos, sin = super().forward(x, seq_len)
        return {cos}, sin


VelaRotary = Rounding
"""


@pytest.mark.parametrize("cos", ["cos.half()", "cos.to(torch.bfloat16)", "cos.to(dtype=torch.float16)"])
def test_tables_of_16_bits_are_a_fact(cos: str, tmp_path: Path, transformers_source: Path) -> None:
    found = read(tmp_path, transformers_source, classes=LOOP.format(cos=cos))
    assert len(found.rounded) == 1
    (fact,) = [fact for fact in decoder_facts(found) if fact.name == "rounding"]
    assert fact.value.startswith("to 16 bits in the source")


def test_the_type_of_another_tensor_is_none(tmp_path: Path, transformers_source: Path) -> None:
    assert read(tmp_path, transformers_source, classes=LOOP.format(cos="cos.to(x.dtype)")).rounded == ()


POSITIONS = "torch.outer(index.float(),"
SCORES = "F.softmax(scores + mask, dim=-1)"
ANGLES = "(angles.cos(), angles.sin())"
TO_16_BITS = {
    "positions": (POSITIONS, "torch.outer(index.to(torch.bfloat16).float(),", "positions or angles"),
    "positions that are made so": (
        POSITIONS,
        "torch.outer(torch.arange(input_ids.shape[1], dtype=torch.float16).float(),",
        "positions or angles",
    ),
    "positions in 8 bits": (POSITIONS, "torch.outer(index.to(torch.int8).float(),", "positions or angles"),
    "positions, of the model's type": (POSITIONS, "torch.outer(index.to(hidden_states.dtype).float(),", "bfloat16"),
    "angles": (ANGLES, "(angles.half().float().cos(), angles.half().float().sin())", "positions or angles"),
    "frequencies": ("** -steps)", "** -steps.half().float())", "positions or angles"),
    "scores": (SCORES, "F.softmax(scores + mask, dim=-1, dtype=torch.float16).float()", "rounded to float16"),
    "a factor": ("self.head_dim**-0.5", "torch.tensor(self.head_dim**-0.5).half().item()", "rounded to float16"),
    "the type of another": (SCORES, f"{SCORES}.type_as(torch.zeros(1, dtype=torch.float16)).float()", "float16"),
    "a tensor that is filled": (
        "attended = F.softmax",
        "kept = torch.zeros(scores.shape, dtype=torch.float16)\n        kept[:] = scores\n"
        "        scores = kept.float()\n        attended = F.softmax",
        "float16",
    ),
    "a region of autocast": (
        "scores = query",
        "with torch.autocast(device_type='cpu', dtype=torch.bfloat16):\n            pass\n        scores = query",
        "autocast",
    ),
}
EXACT = {
    "a mask": ("scores + mask", "scores + mask.to(torch.float16)"),
    "a mask of halves": ("scores + mask", "scores + mask.clamp(min=torch.finfo(torch.float16).min)"),
    "positions, of a model of 32 bits": (POSITIONS, "torch.outer(index.to(hidden_states.dtype).float(),"),
    "no autocast": (
        "scores = query",
        "with torch.autocast(device_type='cpu', enabled=False):\n            pass\n        scores = query",
    ),
}


def changed(directory: Path, old: str, new: str, dtype: str = "float32") -> Path:
    write_odd(directory, Odd(config={"dtype": dtype}), layers=1)
    source = directory / "modeling_corvus.py"
    assert old in source.read_text()
    source.write_text(source.read_text().replace(old, new))
    return directory


@pytest.mark.parametrize("name", sampled(TO_16_BITS, 5))
def test_what_is_rounded_is_a_hole(tmp_path: Path, name: str) -> None:
    old, new, said = TO_16_BITS[name]
    assert said in holes_of(changed(tmp_path, old, new, "bfloat16" if "the model's" in name else "float32"))


@pytest.mark.parametrize("name", sampled(EXACT, 4))
def test_what_16_bits_have_is_none(tmp_path: Path, name: str) -> None:
    assert read_odd(changed(tmp_path, *EXACT[name]))[2] is not None
