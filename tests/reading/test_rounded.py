"""Where source rounds to 16 bits by a type that it names, which no form shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.reading.present import decoder_facts
from tests.models.remote.build import read

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
