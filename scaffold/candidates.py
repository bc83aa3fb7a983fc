"""Specs of registered architectures, read from the modeling source that transformers has of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from scaffold.checkpoint.read import Checkpoint
from scaffold.errors import ScaffoldError
from scaffold.roots.vllm_tree import Registered
from scaffold.source.errors import NotUnderstood
from scaffold.source.locate import find
from scaffold.spec.facts import DecoderSpec
from scaffold.spec.read import read_decoder

_CLASS = re.compile(r"^class (\w+)\(", re.MULTILINE)


@dataclass(frozen=True)
class Candidates:
    """Where transformers keeps each architecture, and which of them could have a checkpoint's tensor names."""

    transformers: Path
    checkpoint: Checkpoint

    @cached_property
    def _texts(self) -> dict[str, str]:
        """Return model folder → modeling source."""
        files = sorted((self.transformers / "models").glob("*/modeling_*.py"))
        return {
            path.parent.name: path.read_text(encoding="utf-8")
            for path in files
            if path.stem == f"modeling_{path.parent.name}"
        }

    @cached_property
    def _folders(self) -> dict[str, str]:
        """Return architecture → model folder."""
        return {name: folder for folder, text in self._texts.items() for name in _CLASS.findall(text)}

    @cached_property
    def _words(self) -> set[str]:
        """Return the module names that the checkpoint's tensors use, without numbers."""
        parts = (part for name in self.checkpoint.tensors for part in name.split(".")[:-1])
        return {part for part in parts if not part.isdigit()} - {"experts"}

    def order(self, registry: Mapping[str, Registered]) -> list[Registered]:
        """Return the registered architectures with comparable names, those of the same model type first."""
        named = [e for e in registry.values() if self._has_the_names(e.architecture)]
        return sorted(named, key=lambda e: self._folders[e.architecture] != self.checkpoint.model_type)

    def _has_the_names(self, architecture: str) -> bool:
        folder = self._folders.get(architecture)
        if folder is None or not architecture.endswith(("ForCausalLM", "LMHeadModel")):
            return False
        text = self._texts[folder]
        return all(f"self.{word}" in text for word in self._words)

    def spec_of(self, entry: Registered) -> DecoderSpec | None:
        """Return the spec of a registered architecture at this checkpoint's config, or None if it cannot be read."""
        folder = self._folders[entry.architecture]
        try:
            source = find(entry.architecture, folder, {}, self.checkpoint.path, self.transformers)
            if source is None or not source.is_own_class:
                return None
            return read_decoder(source, self.checkpoint)
        except (NotUnderstood, ScaffoldError):
            return None


def comparable(
    checkpoint: Checkpoint, transformers: Path | None, registry: Mapping[str, Registered]
) -> tuple[Iterable[Registered], Callable[[Registered], DecoderSpec | None]]:
    """Return the entries to compare with, and how to get the spec of one."""
    if transformers is None:
        return (), lambda entry: None
    candidates = Candidates(transformers, checkpoint)
    return candidates.order(registry), candidates.spec_of
