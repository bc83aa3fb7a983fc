"""What one probe tells of a decoder: enough to see that another is not the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.reading.agreement import outline
from scaffold.reading.from_source import outlines, read_decoder
from scaffold.source.locate import ModelingSource, find
from tests.models.build import write_checkpoint
from tests.models.specs import edit


def of(checkpoint: Path) -> tuple[ModelingSource, Checkpoint]:
    read = read_checkpoint(checkpoint)
    source = find(read.architecture, read.model_type, read.auto_map, read.path, None)
    assert source is not None
    return source, read


@pytest.mark.parametrize(
    ("old", "new", "is_other", "count"),
    [
        ("scaling=self.head_dim**-0.5", "scaling=self.head_dim**-0.5", False, 1),
        ("scaling=self.head_dim**-0.5", "scaling=0.22", True, 2),
        ("scaling=self.head_dim**-0.5", "scaling=self.config.hidden_size**-0.5", False, 1),
        ("(even * cos - odd * sin, odd * cos + even * sin), dim=-1)", "(even, odd), dim=-1)", True, 1),
    ],
    ids=["as it is", "a round number", "another value", "another form"],
)
def test_the_outline_of_a_reading_is_among_those_of_one_probe(
    nova: Path, tmp_path: Path, old: str, new: str, is_other: bool, count: int
) -> None:
    other = write_checkpoint(tmp_path / "other")
    edit(other, old, new)
    found = outlines(*of(other))
    assert len(found) == count
    assert outline(read_decoder(*of(other))) in found
    assert any(one in found for one in outlines(*of(nova))) is not is_other
