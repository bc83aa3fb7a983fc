"""Source that chooses between bodies by its release of transformers, or by what is not understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.reading.present import decoder_facts
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.decoder import DecoderSpec
from tests.models.remote.build import read

IMPORTS = "import transformers\nfrom dataclasses import is_dataclass\nfrom packaging import version\n"
BY_RELEASE = "version.parse(transformers.__version__) >= version.parse('4.45')"
BY_BASE = "is_dataclass(transformers.PretrainedConfig)"
UNKNOWN = "transformers.utils.of_some_day()"
CHOOSES = """
IS_LATER = {condition}


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
    return read(
        directory, transformers, config, classes=f"{IMPORTS}{CHOOSES.format(earlier=earlier, condition=BY_RELEASE)}"
    )


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


TWO_CLASSES = """
Plain = VelaMLP
if {condition}:
    class VelaMLP(Plain):
        def forward(self, x):
            return self.down_proj(self.act(self.up_proj(x)) * self.gate_proj(x))
else:
    class VelaMLP(Plain):
        def forward(self, x):
            return self.down_proj({earlier})
"""


@pytest.mark.parametrize(("condition", "why"), [(BY_BASE, "transformers_version"), (UNKNOWN, "condition at the top")])
def test_classes_that_a_condition_chooses_are_read_both_ways(
    condition: str, why: str, tmp_path: Path, transformers_source: Path
) -> None:
    same, other = (f"{IMPORTS}{TWO_CLASSES.format(condition=condition, earlier=earlier)}" for earlier in (SAME, OTHER))
    assert read(tmp_path, transformers_source, classes=same).release == ""
    with pytest.raises(NotUnderstood, match=why):
        read(tmp_path, transformers_source, classes=other)


@pytest.mark.parametrize(("stated", "is_later"), [("4.55.4", False), ("5.1.0", True)])
def test_configs_are_dataclasses_from_transformers_5_on(
    stated: str, is_later: bool, tmp_path: Path, transformers_source: Path
) -> None:
    text = f"{IMPORTS}{TWO_CLASSES.format(condition=BY_BASE, earlier=OTHER)}"
    found = read(tmp_path, transformers_source, {"transformers_version": stated}, classes=text)
    plain = f"{IMPORTS}{TWO_CLASSES.format(condition='True', earlier=OTHER)}"
    assert (found == read(tmp_path, transformers_source, classes=plain)) is is_later
