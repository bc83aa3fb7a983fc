"""What a placement is: where in the target the code of a plan goes, and how vLLM comes to know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from codemods import NOTHING, ChangeSet, Earlier
from scaffold.placement.registration import ConfigModule, Registration
from scaffold.rendering.formatting import format_python


@dataclass(frozen=True)
class Code:
    """A module that this tool wrote.

    Attributes:
        module: its name.
        in_tree: its text as a part of ``vllm.model_executor.models``, with relative imports, not laid out yet.
        stand_alone: its text outside of any tree, with absolute imports.
        processor: the text of its processor's stub; empty for a text-only model.
        config: the class of its config; None where transformers or the target has it.
    """

    module: str
    in_tree: str
    stand_alone: str
    processor: str = ""
    config: ConfigModule | None = None


@dataclass(frozen=True)
class Implementation:
    """What serves an architecture: a class of vLLM's own, or one of ``code``."""

    registration: Registration
    code: Code | None = None


@dataclass(frozen=True)
class Site:
    """Where things go.

    Attributes:
        name: the model's.
        module: the model type as a Python name; a generated module and a plugin are called so.
        vllm: the tree that the code is for.
        delivery: the vllm-ascend repo; a plugin has none.
        output: the folder of a plugin; other placements have none.
        licence_header: what files of a plugin start with.
        generated: file → SHA-256 of what this tool wrote there last, None if it did not; see `ChangeSet.create`.
        earlier: file → that text, for the merge with what a person made of it.
    """

    name: str
    module: str
    vllm: Path
    delivery: Path | None
    output: Path | None
    licence_header: str
    generated: Callable[[Path], str | None]
    earlier: Earlier = NOTHING

    @property
    def roots(self) -> dict[str, Path]:
        """Return the directories that a plan may change, by the label that they have in its diff."""
        roots = {"vllm": self.vllm, "delivery": self.delivery, "plugin": self.output}
        return {label: root for label, root in roots.items() if root is not None}

    def create(self, changes: ChangeSet, path: Path, text: str) -> ChangeSet:
        """Add a generated file, merged with what a person made of the one that was generated before."""
        return changes.create(path, text, generated=self.generated(path))

    def create_python(self, changes: ChangeSet, root: Path, path: Path, text: str, settings: Path) -> ChangeSet:
        """Add ``root / path``, laid out by the ``ruff`` settings of a tree as if it lay at ``path`` in it."""
        return self.create(changes, root / path, format_python(text, settings, path))


@dataclass(frozen=True)
class Placement:
    """A row of ``PLACEMENTS``.

    Attributes:
        name: what ``--placement`` calls it.
        place: adds an implementation to a change set.
        edits_trees: whether it edits source trees, and has documents, gates and a commit; else it is a package.
        edits_registry: whether an entry that vLLM has of its own would have to be replaced.
        has_processors: whether the stub of a processor goes with it.
    """

    name: str
    place: Callable[[ChangeSet, Implementation, Site], ChangeSet]
    edits_trees: bool = True
    edits_registry: bool = False
    has_processors: bool = False
