"""What was read of modeling source once is not read again: a plan asks for the same decoder more than once.

A reading is decided by the text of the source, the config, and where the source's imports lead. What a run asked of
its imports is kept with what it found, and asked again before that is believed: files that were changed, or that lie
elsewhere, are seen. Answers are compared by their syntax trees, which are the same for the same text (``read_tree``).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from scaffold.checkpoint.read import Checkpoint
from scaffold.common.errors import ScaffoldError
from scaffold.feed_forwards.table import FEED_FORWARDS
from scaffold.mixers.table import MIXERS
from scaffold.source.locate import ModelingSource
from scaffold.source.python.syntax import SourceFile

Result = TypeVar("Result")
MOST = 64
"""Readings that are kept; each has a few hundred objects, and the trees of its files."""


@dataclass
class Asked:
    """The imports of a run: its files, numbered as they came, and where each import of them led."""

    files: list[SourceFile | None]
    answers: dict[tuple[int, str], tuple[int, str] | None] = field(default_factory=dict)
    """Number of the file that imports and the dotted name → number of the file that defines it and the name there."""

    def holds_for(self, source: ModelingSource) -> bool:
        """Return whether another source's imports lead to the same texts."""
        files = _own_files(source)
        try:
            return all(self._same(source, files, asked) for asked in self.answers)
        except ScaffoldError:  # a file that does not parse any more
            return False

    def _same(self, source: ModelingSource, files: list[SourceFile | None], asked: tuple[int, str]) -> bool:
        """Return whether an import leads to the same; ``files`` are the other source's, and grow in the same order."""
        file, answer = files[asked[0]], self.answers[asked]
        found = None if file is None else source.resolve(file, asked[1])
        if found is None or answer is None:
            return found is None and answer is None
        target, name = answer
        if target == len(files):
            files.append(found[0])
        return found[1] == name and _text(found[0]) == _text(files[target]) == _text(self.files[target])


@dataclass(frozen=True)
class _Noting(ModelingSource):
    """A source that keeps what is asked of its imports."""

    asked: Asked = field(default_factory=lambda: Asked([]), compare=False)

    def resolve(self, file: SourceFile, dotted: str) -> tuple[SourceFile, str] | None:
        """Return where an imported name is defined, None for outside."""
        files, answers = self.asked.files, self.asked.answers
        asked = (_number(files, file), dotted)
        if asked not in answers:
            found = super().resolve(file, dotted)
            answers[asked] = None if found is None else (_number(files, found[0]), found[1])
        answer = answers[asked]
        if answer is None:
            return None
        target = files[answer[0]]
        assert target is not None
        return target, answer[1]


_KEPT: dict[Hashable, tuple[Asked, Any]] = {}


def remembered(
    read: Callable[[ModelingSource, Checkpoint], Result], source: ModelingSource, checkpoint: Checkpoint
) -> Result:
    """Return what a function reads of a source at a checkpoint's config: what it found before, where that still holds.

    Args:
        read: uses nothing of the checkpoint but its config. What it raises is not kept.
        source: the modeling source.
        checkpoint: whose config the source is read at.
    """
    key = (
        read,
        tuple(_text(file) for file in _own_files(source)),
        *(source.class_name, source.config_class, source.library, source.transformers, source.model_type),
        *(repr(checkpoint.text_config), checkpoint.text_key and repr(checkpoint.config), checkpoint.text_key),
        *(MIXERS.kinds(), FEED_FORWARDS.kinds()),
    )
    kept = _KEPT.pop(key, None)
    if kept is None or not kept[0].holds_for(source):
        noting = _Noting(
            **{one.name: getattr(source, one.name) for one in fields(source)}, asked=Asked(_own_files(source))
        )
        kept = noting.asked, read(noting, checkpoint)
    _KEPT[key] = kept  # the last one that was used is the last one that goes
    if len(_KEPT) > MOST:
        del _KEPT[next(iter(_KEPT))]
    result: Result = kept[1]
    return result


def _own_files(source: ModelingSource) -> list[SourceFile | None]:
    return [source.file, source.config_file]


def _number(files: list[SourceFile | None], file: SourceFile) -> int:
    if file not in files:
        files.append(file)
    return files.index(file)


def _text(file: SourceFile | None) -> tuple[object, ...]:
    """Return what stands for a file's text, and how evidence names it."""
    return () if file is None else (file.tree, file.shown)
