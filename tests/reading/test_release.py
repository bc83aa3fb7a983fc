"""Source that asks for its release of transformers, to choose between bodies."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.reading.present import decoder_facts
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.decoder import DecoderSpec
from tests.models.remote.build import read

CHOOSES = """
import transformers
from packaging import version

IS_LATER = version.parse(transformers.__version__) >= version.parse("4.45")


class Chooses(VelaMLP):
    def forward(self, x):
        if IS_LATER:
            return self.down_proj(self.act(self.up_proj(x)) * self.gate_proj(x))
        return self.down_proj({earlier})


VelaMLP = Chooses
"""
SAME = "self.gate_proj(x) * self.act(self.up_proj(x))"
OTHER = "self.act(self.gate_proj(x)) * self.up_proj(x)"


def chosen(directory: Path, transformers: Path, earlier: str, stated: str | None) -> DecoderSpec:
    config = {} if stated is None else {"transformers_version": stated}
    return read(directory, transformers, config, classes=CHOOSES.format(earlier=earlier))


def test_the_body_of_the_release_that_the_config_states_is_read(tmp_path: Path, transformers_source: Path) -> None:
    later, earlier = (chosen(tmp_path, transformers_source, OTHER, stated) for stated in ("4.45.1", "4.44.2"))
    assert later != earlier
    (fact,) = [fact for fact in decoder_facts(later) if fact.name == "release of transformers"]
    assert "read as under 4.45.1" in fact.value


def test_bodies_that_differ_are_a_hole_where_no_release_is_stated(tmp_path: Path, transformers_source: Path) -> None:
    with pytest.raises(NotUnderstood, match="states no transformers_version"):
        chosen(tmp_path, transformers_source, OTHER, None)


def test_bodies_that_compute_the_same_need_no_release(tmp_path: Path, transformers_source: Path) -> None:
    found = chosen(tmp_path, transformers_source, SAME, None)
    assert "release of transformers" not in [fact.name for fact in decoder_facts(found)]
