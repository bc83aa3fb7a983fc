"""A reading is not made twice, and one of other text, another config or another table is."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.mixers import table
from scaffold.reading.remembered import remembered
from scaffold.source.locate import ModelingSource
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.syntax import SourceFile
from tests.models import window_mean
from tests.models.specs import decoder_of

FILES = {
    "modeling_mine.py": "from .modeling_other import Inner\nclass Mine(Inner):\n    pass\n",
    "modeling_other.py": "from .modeling_third import SIZE\nclass Inner:\n    size = SIZE\n",
    "modeling_third.py": "SIZE = 1\n",
}


class Reading:
    """Follows two imports, and counts how often it is asked to."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, source: ModelingSource, checkpoint: Checkpoint) -> int:
        self.count += 1
        other = source.resolve(source.file, ".modeling_other.Inner")
        assert other is not None
        assert source.resolve(source.file, ".modeling_missing.Nothing") is None
        third = source.resolve(other[0], ".modeling_third.SIZE")
        if third is None:
            raise NotUnderstood("no size")
        return self.count


def source_of(folder: Path) -> ModelingSource:
    return ModelingSource(SourceFile.parse(folder / "modeling_mine.py"), "Mine", None, None, None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "source"
    made.mkdir()
    for name, text in FILES.items():
        (made / name).write_text(text)
    return made


def test_the_same_text_is_read_once_wherever_it_lies(folder: Path, nova: Path) -> None:
    read, checkpoint = Reading(), read_checkpoint(nova)
    copied = Path(shutil.copytree(folder, folder.with_name("copied")))
    assert [remembered(read, source_of(one), checkpoint) for one in (folder, folder, copied)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("modeling_mine.py", FILES["modeling_mine.py"] + "SIZE = 2\n"),
        ("modeling_third.py", "SIZE = 2\n"),
        ("modeling_missing.py", "Nothing = None\n"),
    ],
)
def test_a_text_that_was_changed_is_read_again(folder: Path, nova: Path, name: str, text: str) -> None:
    read, checkpoint = Reading(), read_checkpoint(nova)
    assert remembered(read, source_of(folder), checkpoint) == 1
    (folder / name).write_text(text)
    if name == "modeling_missing.py":  # an import that led nowhere, and now leads somewhere
        with pytest.raises(AssertionError):
            remembered(read, source_of(folder), checkpoint)
    else:
        assert remembered(read, source_of(folder), checkpoint) == 2


def test_another_config_is_read_for_itself(folder: Path, nova: Path) -> None:
    read, checkpoint = Reading(), read_checkpoint(nova)
    of_float = replace(checkpoint, text_config={**checkpoint.text_config, "hidden_size": 48.0})  # equal, and another
    assert [remembered(read, source_of(folder), one) for one in (checkpoint, of_float, checkpoint)] == [1, 2, 1]


def test_what_is_raised_is_raised_again(folder: Path, nova: Path) -> None:
    (folder / "modeling_third.py").unlink()
    read, checkpoint = Reading(), read_checkpoint(nova)
    for count in (1, 2):
        with pytest.raises(NotUnderstood, match="no size"):
            remembered(read, source_of(folder), checkpoint)
        assert read.count == count


def test_a_table_that_is_extended_for_a_while_has_readings_of_its_own(folder: Path, nova: Path) -> None:
    read, checkpoint = Reading(), read_checkpoint(nova)
    assert remembered(read, source_of(folder), checkpoint) == 1
    with table.extended(window_mean):
        assert remembered(read, source_of(folder), checkpoint) == 2


def test_a_decoder_is_read_once(nova: Path) -> None:
    assert decoder_of(nova) is decoder_of(nova)
