"""Models that draft tokens for another one: told by their config or their tensors, whatever their class is called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scaffold.checkpoint.facts import Evidence, Fact
from scaffold.checkpoint.text import printable
from scaffold.vocabulary.lookup import at, key_of

if TYPE_CHECKING:
    from scaffold.checkpoint.read import Checkpoint

SPECULATORS, SPECULATORS_KEY, ALGORITHM = "speculators", "speculators_config", "speculators_model_type"
"""The format of the library of that name; vLLM takes the first for the model type of a config with the second
(vllm/transformers_utils/config.py)."""
PURPOSE = "drafts tokens for another model"
DRAFTING = (
    "pass the model that it drafts for, and serve that with vllm serve --speculative-config "
    '\'{{"method": "{}", "model": "<this folder>", "num_speculative_tokens": <how many>}}\''
)
UNKNOWN = "pass the model that it drafts for; no release of vLLM that was read has a method for such drafts"
JOINS = re.compile(r"(?:model\.)?(?:fc|fusion_fc)\.weight")
"""What joins an embedding and hidden states of the other model: as many times the hidden size as there are of them."""
MOST_JOINED = 16
SHOWN = 40
_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.\*\.(?:self_attn|attention|attn)\.|^midlayer\.")
PARTS = ("eh_proj", "enorm", "hnorm")
"""Modules that layers for multi-token prediction have, and no others."""
_OF_PREDICTION = re.compile(rf"(?:^|\.)layers\.(\d+|\*)\.(?:\w+\.)?(?:{'|'.join(PARTS)})\.")
_NUMBERED = re.compile(r"(?:^|\.)layers\.(\d+)\.")


@dataclass(frozen=True)
class Kind:
    """A kind of draft.

    Attributes:
        name: what people call it.
        method: of ``vllm serve --speculative-config``; empty where vLLM has none.
        named: a regular expression for the names of its classes.
        words: its model types, and what the ``speculators`` library calls its algorithm.
        keys: config keys that only such a draft has.
        tensors: a regular expression for tensors that only such a draft has, with ``*`` for numbers.
        has_layers: it has layers with attention; without, what has such layers is a whole model with a draft beside.
    """

    name: str
    method: str
    named: str
    words: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    tensors: str = r"(?!)"
    has_layers: bool = True


KINDS = (
    Kind("DFlash", "dflash", r"DFlash\w*", ("dflash",), ("dflash_config",)),
    Kind("DSpark", "dspark", r"\w*DSpark\w*", ("dspark",)),
    Kind("EAGLE-3", "eagle3", r"P?Eagle3\w*(ForCausalLM|Speculator)|\w+Eagle3|PEagle\w+", ("eagle3", "peagle"),
         ("draft_vocab_size",), r"(?:model\.)?(?:d2t|t2d)"),
    Kind("EAGLE", "eagle", r"Eagle(Model|Speculator|\w+ForCausalLM)|\w+ForCausalLMEagle", ("eagle",)),
    Kind("Medusa", "medusa", r"Medusa\w*", ("medusa",), ("medusa_num_heads",),
         r"medusa_head\.\*\..+|blocks\.\*\.layers\.\*\.(?:weight|bias)", has_layers=False),
    Kind("Hydra", "", r"Hydra(Model|ForCausalLM)", ("hydra",), ("hydra_num_heads",), r"hydra_head\.\*\..+",
         has_layers=False),
    Kind("an MLP speculator", "mlp_speculator", r"MLPSpeculator\w*", ("mlp_speculator",), (),
         r"speculator\.(?:emb|head|proj|ln)\.\*\..+", has_layers=False),
    Kind("multi-token prediction", "mtp", r"\w+(NextN|MTP|MTPModel)"),
)  # fmt: skip
"""Tried from top to bottom. Sources: vllm/config/speculative.py, vllm/model_executor/models/registry.py."""
_BY_NAME = {kind.name: kind for kind in KINDS}
EAGLE, EAGLE_3, PREDICTION = (_BY_NAME[name] for name in ("EAGLE", "EAGLE-3", "multi-token prediction"))
"""EAGLE joins two vectors, EAGLE-3 more of them (vllm/model_executor/models/llama_eagle.py, llama_eagle3.py)."""


@dataclass(frozen=True)
class Draft:
    """What shows that a checkpoint is a draft, and of which kind."""

    kind: Kind
    evidence: Evidence

    @property
    def says(self) -> str:
        """Return what it is."""
        return f"{PURPOSE}: {self.shown}"

    @property
    def shown(self) -> str:
        """Return its kind, with what shows it."""
        between = ": " if self.evidence.kind == "config" else " "
        return f"{self.kind.name} ({self.evidence.where}{between}{self.evidence.shows})"

    @property
    def used(self) -> str:
        """Return how it is used."""
        return DRAFTING.format(self.kind.method) if self.kind.method else UNKNOWN


def model_type_of(config: Mapping[str, Any]) -> Any:
    """Return the model type of a config, as vLLM reads it."""
    return SPECULATORS if config.get(SPECULATORS_KEY) is not None else config.get("model_type", "")


def by_config(config: Mapping[str, Any]) -> Draft | None:
    """Return the draft that a config alone describes."""
    names = config.get("architectures")
    name = names[0] if isinstance(names, list) and names and isinstance(names[0], str) else ""
    for kind in KINDS:
        if re.fullmatch(kind.named, name, re.IGNORECASE):
            return Draft(kind, Evidence("config", "architectures", name))
        for key in (ALGORITHM, "model_type"):
            if config.get(key) in kind.words:
                return Draft(kind, Evidence("config", key, str(config[key])))
    return None


def by_keys(config: Mapping[str, Any]) -> Draft | None:
    """Return the draft that a config's keys tell of, where it does not name its class."""
    return next((found for kind in KINDS for found in [_by_keys(kind, config)] if found), None)


def _by_keys(kind: Kind, config: Mapping[str, Any]) -> Draft | None:
    key = next((key for key in kind.keys if config.get(key) is not None), "")
    return Draft(kind, Evidence("config", key, printable(str(config[key]))[:SHOWN])) if key else None


def draft_of(checkpoint: Checkpoint) -> Draft | None:
    """Return what shows that a checkpoint is a draft; None for all other models.

    A model that brings a draft along, as with layers for multi-token prediction after its own, is none.
    """
    stated = by_config(checkpoint.config)
    if stated is not None:
        return stated
    patterns = checkpoint.weights.patterns
    has_layers = any(_LAYER.search(pattern.name) for pattern in patterns)
    for kind in KINDS:
        if has_layers and not kind.has_layers:
            continue
        keyed = _by_keys(kind, checkpoint.config)
        if keyed is not None:
            return keyed
        found = next((pattern for pattern in patterns if re.fullmatch(kind.tensors, pattern.name)), None)
        if found is not None:
            return Draft(kind, Evidence("tensor", found.name, str(list(found.shape))))
    return _joined(checkpoint) or _of_prediction(checkpoint)


def _joined(checkpoint: Checkpoint) -> Draft | None:
    """Return the draft whose first matrix takes several vectors of the hidden size, outside of any layer."""
    if checkpoint.is_multimodal:
        return None
    text = checkpoint.text_config
    key = key_of("hidden_size", text)
    hidden = at(text, key) if key else None
    for pattern in checkpoint.weights.patterns:
        if type(hidden) is not int or not JOINS.fullmatch(pattern.name) or len(pattern.shape) != 2:
            continue
        joined, rest = divmod(pattern.shape[1], hidden)
        if pattern.shape[0] == hidden and not rest and 2 <= joined <= MOST_JOINED:
            shows = f"{list(pattern.shape)}, which joins {joined} vectors of {hidden:,}"
            return Draft(EAGLE if joined == 2 else EAGLE_3, Evidence("tensor", pattern.name, shows))
    return None


def _of_prediction(checkpoint: Checkpoint) -> Draft | None:
    """Return the draft all of whose layers are such for multi-token prediction."""
    if not any(_OF_PREDICTION.search(pattern.name) for pattern in checkpoint.weights.patterns):
        return None
    names = checkpoint.weights.forms
    own = [name for name in names if any(part in name for part in PARTS)]  # the names of a whole model are many
    with_parts = {name: found[1] for name in own for found in [_OF_PREDICTION.search(name)] if found}
    numbers = set(with_parts.values())
    layers = (found[1] for name in names for found in [_NUMBERED.search(name)] if found)
    if any(number not in numbers for number in layers):
        return None
    return Draft(PREDICTION, Evidence("tensor", next(iter(with_parts)), "and its like in every layer"))


def facts(checkpoint: Checkpoint) -> list[Fact]:
    """Return a fact if it is a draft."""
    found = draft_of(checkpoint)
    return [] if found is None else [Fact("purpose", f"{PURPOSE}: {found.kind.name}", (found.evidence,))]
