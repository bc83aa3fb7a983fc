"""Specs of registered architectures, read from the modeling source that transformers has of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from operator import eq
from pathlib import Path
from typing import Any

from scaffold.checkpoint.purpose import is_named_for_a_decoder
from scaffold.checkpoint.read import Checkpoint
from scaffold.common.errors import ScaffoldError
from scaffold.reading.from_source import outlines, parameters, read_decoder
from scaffold.roots.modeling_sources import ModelingSources, modeling_sources
from scaffold.roots.vllm_tree import Registered
from scaffold.source.locate import ModelingSource, find
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.budget import COMPARED, TooLarge, at_most
from scaffold.spec.decoder import DecoderSpec
from scaffold.vocabulary.lookup import at, key_of, replaced

Read = Callable[[ModelingSource, Checkpoint], object]
TOWERS = ("vision_config", "audio_config")
FIRST_LOOKS: tuple[tuple[Read, Callable[[Any, Any], bool]], ...] = (
    (parameters, eq),
    (outlines, lambda own, other: any(one in other for one in own)),
    (read_decoder, eq),
)
"""What is read of a first layer, the cheapest first, and whether two of it may be of one model."""


@dataclass(frozen=True)
class Candidates:
    """Where transformers keeps each architecture, and which of them could have a checkpoint's tensor names."""

    transformers: Path
    checkpoint: Checkpoint
    source: ModelingSource | None
    """The checkpoint's own modeling source."""

    @cached_property
    def _sources(self) -> ModelingSources:
        """Return all modeling source that transformers has."""
        return modeling_sources(self.transformers)

    @property
    def _folders(self) -> dict[str, str]:
        """Return architecture → model folder."""
        return self._sources.folders

    @cached_property
    def _words(self) -> set[bytes]:
        """Return how source names the modules that the checkpoint's tensors use, those with numbers aside."""
        parts = {part for name in self.checkpoint.tensors for part in name.split(".")[:-1]} - {"experts"}
        return {f"self.{part}".encode() for part in parts if not part.isdigit()}

    def order(self, registry: Mapping[str, Registered]) -> list[Registered]:
        """Return the registered architectures with comparable names, those of the same model type first."""
        named = [e for e in registry.values() if self._has_the_names(e.architecture)]
        return sorted(named, key=lambda e: self._folders[e.architecture] != self.checkpoint.model_type)

    def _has_the_names(self, architecture: str) -> bool:
        folder = self._folders.get(architecture)
        if folder is None or not is_named_for_a_decoder(architecture):
            return False
        text = self._sources.texts[folder]
        return all(word in text for word in self._words)

    def is_own_class(self, entry: Registered) -> bool:
        """Return whether an architecture is the very class that the checkpoint's own source is: nothing to compare."""
        own, folder = self.source, self._folders[entry.architecture]
        if own is None or own.library is None:
            return False
        file = self.transformers / "models" / folder / f"modeling_{folder}.py"
        return (own.file.path, own.class_name) == (file, entry.architecture)

    def has_spec(self, entry: Registered, spec: DecoderSpec) -> bool | None:
        """Return whether a registered architecture has this spec at this checkpoint's config; None: it cannot be read.

        Most differ in their first layer, so that is looked at first: its tensors, its outline, then all of it. What
        cannot be made, or run once, is not tried in the next way, which does the same first.
        """
        source = self._source(entry)
        if source is None:
            return None
        for read, is_alike in FIRST_LOOKS:
            own = self._own_first_layer(read)
            other = None if own is None else _try(read, source, self._first_layer)
            if other is None:
                break
            if not is_alike(own, other):
                return False
        found = _try(read_decoder, source, self.checkpoint)
        return None if found is None else found == spec

    def spec_of(self, entry: Registered) -> DecoderSpec | None:
        """Return what a registered architecture is at this checkpoint's config; None if that cannot be read."""
        source = self._source(entry)
        return None if source is None else _try(read_decoder, source, self._without_towers)

    def quick_spec_of(self, entry: Registered) -> tuple[DecoderSpec | None, str]:
        """Return the same within a smaller budget, and what it would take more of where it does not suffice."""
        source = self._source(entry)
        if source is None:
            return None, ""
        try:
            with at_most(COMPARED):
                return read_decoder(source, self._without_towers), ""
        except TooLarge as error:
            return None, error.what
        except (NotUnderstood, ScaffoldError):
            return None, ""

    @cached_property
    def _without_towers(self) -> Checkpoint:
        """Return the checkpoint without configs of towers: another architecture's have the sizes of its own class."""
        config = {key: value for key, value in self.checkpoint.config.items() if key not in TOWERS}
        if len(config) == len(self.checkpoint.config):
            return self.checkpoint
        text = self.checkpoint.text_config
        return replace(self.checkpoint, config=config, text_config=config if text is self.checkpoint.config else text)

    def folder(self, entry: Registered) -> str | None:
        """Return the folder of transformers' models that has an architecture."""
        return self._folders.get(entry.architecture)

    def _source(self, entry: Registered) -> ModelingSource | None:
        folder = self._folders.get(entry.architecture)
        if folder is None:
            return None
        try:
            source = find(entry.architecture, folder, {}, self.checkpoint.path, self.transformers)
        except ScaffoldError:
            return None
        return source if source is not None and source.is_own_class else None

    def _own_first_layer(self, read: Read) -> Any:
        """Return what can be read of the checkpoint's own first layer, None for nothing."""
        if self.source is not None and read not in self._first_looks:
            self._first_looks[read] = _try(read, self.source, self._first_layer)
        return self._first_looks.get(read)

    @cached_property
    def _first_looks(self) -> dict[Read, Any]:
        """Return what has been read of the checkpoint's own first layer, by what read it."""
        return {}

    @cached_property
    def _first_layer(self) -> Checkpoint:
        """Return the checkpoint as if it had its first layer only; all of it if it does not say how many it has."""
        config = self.checkpoint.text_config
        key = key_of("num_layers", config)
        count = at(config, key) if key else None
        if key is None or not isinstance(count, int):
            return self.checkpoint
        lists = {name: value[:1] for name, value in config.items() if isinstance(value, list) and len(value) == count}
        return replace(self.checkpoint, text_config=replaced({**config, **lists}, {key: 1}))


def _try(read: Read, source: ModelingSource, checkpoint: Checkpoint) -> Any:
    try:
        return read(source, checkpoint)
    except (NotUnderstood, ScaffoldError):
        return None
