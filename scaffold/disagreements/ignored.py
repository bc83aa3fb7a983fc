"""Layers that the quantisation config leaves out, and what the data types of their tensors say.

vLLM chooses each layer's kernel by this list: a layer that it leaves out gets a plain weight, which no quantised tensor
fits, and the reverse. How entries are matched: vllm/model_executor/layers/quantization/utils/quant_utils.py
(``is_layer_skipped``), compressed_tensors/utils.py (``should_ignore_layer``), awq.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scaffold.checkpoint.patterns import Pattern, pattern_of
from scaffold.checkpoint.quantization import TRACES, UNQUANTISED, method_of
from scaffold.checkpoint.text import printable
from scaffold.disagreements.entries import REGEX, expression_of, hits, names, tells_numbers
from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import Subject

KIND = "layers left out of quantisation"
KEYS = ("ignore", "ignored_layers", "modules_to_not_convert", "exclude_modules", "llm_int8_skip_modules")
WITHOUT = {"fp8": "modules_to_not_convert", "awq": "modules_to_not_convert"}
"""Methods that quantise every linear layer where their config has no list, and how the list is called."""
SECTIONS = ("quantization_config", "compression_config")
LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Linear layers that every method quantises unless it is told not to."""
TOGETHER = {"q_proj": "qkv_proj", "k_proj": "qkv_proj", "v_proj": "qkv_proj", "gate_proj": "gate_up_proj",
            "up_proj": "gate_up_proj"}  # fmt: skip
"""Layers that vLLM has as one; a list may name that."""
ENDINGS = tuple(sorted({trace.weight for trace in TRACES} | {"weight_packed"}))
_NUMBER = re.compile(r"(?:^|[.])layers[.]([0-9]{1,6})[.]")
MAX_ENTRIES = 20_000
MAX_PAIRS = 1_000_000
"""Of entries with modules, each held against the other."""


@dataclass(frozen=True)
class Listed:
    """The list: where it is, and its entries."""

    section: str
    key: str
    entries: tuple[str, ...]


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield entries whose layers are quantised, and layers that are not quantised and that no entry names."""
    listed = _listed(subject.config)
    if listed is None or subject.quantization is None or not subject.quantization.parts:
        return
    quantised = _quantised(subject, {part.pattern for part in subject.quantization.parts})
    plain = _plain(subject)
    kinds = list({kind_of(module): module for module in reversed(quantised)}.values())
    for entry, hit in hits(listed.entries, quantised, kinds):
        yield _kept(subject, listed, entry, hit, any(names(entry, module) for module in plain))
    missed = _not_named(plain, listed.entries)
    if missed:
        yield _missed(subject, listed, missed)


def _listed(config: Mapping[str, Any]) -> Listed | None:
    for section in SECTIONS:
        described = config.get(section)
        for key in KEYS if isinstance(described, Mapping) else ():
            found = described.get(key) if isinstance(described, Mapping) else None
            if isinstance(found, list) and len(found) <= MAX_ENTRIES and all(isinstance(e, str) for e in found):
                return Listed(section, key, tuple(found))
    said = config.get(SECTIONS[0])
    key = WITHOUT.get(method_of(said), "") if isinstance(said, Mapping) else ""
    return Listed(SECTIONS[0], key, ()) if key and said is not None and said.get(key) is None else None


def _names_any(entry: str, module: str) -> bool:
    """Return whether an entry may name a module, in any of the ways in which methods read their lists."""
    parent, _, name = module.rpartition(".")
    ours = [module, f"{parent}.{TOGETHER[name]}"] if name in TOGETHER else [module]
    if entry.startswith(REGEX):
        return expression_of(entry) is None or any(names(entry, one) for one in ours)
    plain = entry.strip("*.")
    if "*" in plain:
        return any(names(f"*{plain}*", one) for one in ours)
    return any(names(entry, one) or plain in one or one.endswith(f".{plain}") for one in ours)


def _not_named(modules: Sequence[str], entries: Sequence[str]) -> list[str]:
    """Return modules that no entry may name; none where it would take too long to tell."""
    known = set(modules)
    whole = known & set(entries)
    rest = [entry for entry in entries if entry not in known]
    numbered = any(map(tells_numbers, rest))
    if numbered and len(rest) * len(modules) > MAX_PAIRS:
        return []
    by_kind: dict[str, bool] = {}
    found = []
    for module in modules:
        kind = module if numbered else kind_of(module)
        if kind not in by_kind:
            by_kind[kind] = any(_names_any(entry, module) for entry in rest)
        if not by_kind[kind] and module not in whole:
            found.append(module)
    return found


def kind_of(module: str) -> str:
    """Return a module with the numbers of its layers and experts taken out."""
    return re.sub(r"(?<=\.)\d+(?=\.|$)", "*", module)


def _quantised(subject: Subject, patterns: set[str]) -> list[str]:
    """Return modules of the language model whose weights are of these patterns, and not plain."""
    wanted = patterns & subject.names
    return [stem for stem, _, dtype in _own(subject, wanted) if dtype not in UNQUANTISED]


def _plain(subject: Subject) -> list[str]:
    """Return linear layers of the language model whose weight is not quantised."""
    wanted = {
        p.name
        for p in subject.own
        if p.dtype in UNQUANTISED and len(p.shape) == 2 and p.name.endswith(tuple(f".{n}.weight" for n in LINEAR))
    }
    layers = subject.whole_number("num_layers")
    found = [stem for stem, _, dtype in _own(subject, wanted) if dtype in UNQUANTISED]
    return [stem for stem in found if layers is None or not _is_beyond(stem, layers)]


def _is_beyond(module: str, layers: int) -> bool:
    """Return whether a module is in a layer after the model's own: for drafts, which may be plain in any model."""
    number = _NUMBER.search(module)
    return number is not None and int(number[1]) >= layers


def _own(subject: Subject, wanted: set[str]) -> Iterator[tuple[str, str, str]]:
    """Yield module, pattern and data type of the tensors of these patterns."""
    endings = tuple({f".{pattern.rpartition('.')[2]}" for pattern in wanted})
    for name, form in subject.forms.items() if wanted else ():
        if name.endswith(endings) and (pattern := pattern_of(name)) in wanted:
            yield name.rpartition(".")[0], pattern, form.dtype


def _where(listed: Listed) -> str:
    return f"config.json, {listed.section}.{listed.key}"


def _override(listed: Listed, entries: Sequence[str]) -> dict[str, Any]:
    return {listed.section: {listed.key: list(entries)}} if len(entries) <= 64 else {}


def _kept(subject: Subject, listed: Listed, entry: str, hit: Sequence[str], plain: bool) -> Disagreement:
    rest = [other for other in listed.entries if other != entry]
    dtype = next(p.dtype for p in subject.own if _is_weight_of(p, hit[0]))
    return Disagreement(
        KIND,
        Said(_where(listed), f"{listed.section}.{listed.key} has {printable(entry)[:80]!r}"),
        Said(", ".join(hit[:2]), f"{hit[0]} is {dtype} with a scale"),
        serves="vLLM makes a plain weight for a layer of this list, which the quantised one does not fit",
        remedy="take the entry out of the list, or take the weights that it was written for",
        decides=True,
        overrides={} if plain else _override(listed, rest),
    )


def _is_weight_of(pattern: Pattern, module: str) -> bool:
    stem, _, ending = pattern.name.rpartition(".")
    return ending in ENDINGS and stem == kind_of(module) and pattern.dtype not in UNQUANTISED


def _missed(subject: Subject, listed: Listed, missed: Sequence[str]) -> Disagreement:
    more = f" and {len(missed) - 1} more" if len(missed) > 1 else ""
    return Disagreement(
        KIND,
        Said(_where(listed), f"{listed.section}.{listed.key} does not name {missed[0]}{more}"),
        Said(f"{missed[0]}.weight", f"{missed[0]}.weight is not quantised"),
        serves="vLLM makes a quantised weight for every linear layer that is not in this list",
        remedy="add the layers to the list, or take the weights that it was written for",
        decides=True,
        overrides=_override(listed, [*listed.entries, *missed]),
    )
