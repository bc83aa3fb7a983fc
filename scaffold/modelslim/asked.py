"""Which entry of the description each layer gets: what vllm-ascend's ``get_quant_method`` does, as values.

The source of the rules is vllm_ascend/quantization/modelslim_config.py: ``get_quant_method``,
``is_layer_skipped_ascend``, ``get_linear_quant_type``, ``_has_quant_weight``, ``apply_vllm_mapper``. What renames
differs between releases and is run (`scaffold.modelslim.renames`); what is written here did not change since 0.13.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from scaffold.modelslim.description import FLOAT, WEIGHT
from scaffold.modelslim.layers import EMBEDDING, MOE, Handed, Layer
from scaffold.modelslim.upstream import Row, Upstream
from scaffold.vllm_models.mappers import Mapper

_LAYER = re.compile(r"\.(\d+)\.")
_LATER_EXPERT = re.compile(r"\.experts\.[1-9]\d*\.")


@dataclass(frozen=True)
class Asked:
    """A layer, and what it is given.

    Attributes:
        layer: the layer.
        prefix: under which name it is looked up.
        entries: the entries that are looked up.
        missing: those of them that are not there.
        words: what those that are there say, in their order.
        word: the one that counts; empty if there is none, or they differ.
        plain_by: the entry that makes it plain, where that is none of its own: it only begins with the same text.
        packed: whether a packed module's parts were looked up.
        row: the mapping of packed modules that was in force.
        names: from a name of the checkpoint's to that of its entry.
    """

    layer: Layer
    prefix: str
    entries: tuple[str, ...]
    missing: tuple[str, ...]
    words: tuple[str, ...]
    word: str
    plain_by: str
    packed: bool
    row: Row = field(repr=False)
    names: Callable[[str], str] = field(repr=False)


@dataclass(frozen=True)
class _Entries:
    """The description as it is at some moment, with indices."""

    words: Mapping[str, str]

    @cached_property
    def plain(self) -> list[str]:
        """Return the names of plain weights, sorted."""
        return sorted(name for name, word in self.words.items() if word == FLOAT and name.endswith(WEIGHT))

    @cached_property
    def by_layer(self) -> Mapping[str, dict[str, str]]:
        """Return the entries of each layer's number, those without one under the empty text."""
        found: dict[str, dict[str, str]] = defaultdict(dict)
        for name, word in self.words.items():
            if not _LATER_EXPERT.search(name):
                found[_number(name)][name] = word
        return found

    def near(self, prefix: str) -> Mapping[str, str]:
        """Return entries of the same layer, of which code may ask which are there."""
        return self.by_layer.get(_number(prefix), {})

    def plain_below(self, prefix: str) -> str:
        """Return a plain weight whose name begins with a text, the layer's own first; empty if there is none."""
        own = prefix + WEIGHT
        if self.words.get(own) == FLOAT:
            return own
        at = bisect_left(self.plain, prefix)
        return self.plain[at] if at < len(self.plain) and self.plain[at].startswith(prefix) else ""


def _number(name: str) -> str:
    found = _LAYER.search(name)
    return found[1] if found else ""


def asked(
    events: Iterable[Layer | Handed], words: Mapping[str, str], upstream: Upstream, drops: bool, once: bool
) -> Iterator[Asked]:
    """Yield each layer with what it is given.

    Args:
        events: of `scaffold.modelslim.layers.layers`.
        words: the description, with the entries that vllm-ascend's code adds.
        upstream: the tables.
        drops: whether a mapper also takes away what its class does not load (vLLM before ``get_rename_mapper``).
        once: whether a mapper that was applied is known by its identity, so that it is not applied again.

    Raises:
        NotUnderstood: code that renames is beyond the interpreter.
    """
    entries, row, applied = _Entries(words), dict[str, tuple[str, ...]](), ""
    rows = {model_type: dict(known) for model_type, known in upstream.packed.items()}
    chain: list[Mapper] = []
    names = _names(())
    for event in events:
        if isinstance(event, Handed):
            if event.mapper is not None and not (once and applied == event.owner):
                mapper = _renaming(event.mapper, drops)
                renamed = ((mapper.map(name), word) for name, word in entries.words.items())
                entries = _Entries({found[0]: word for found, word in renamed if found is not None})
                chain.append(mapper)
                names, applied = _names(tuple(chain)), event.owner
            if event.packed is not None and event.replaces:
                row = dict(event.packed)
            elif event.packed is not None:
                row.update(event.packed)  # where a row of the table is in force, that row itself
            continue
        row = rows.get(event.asked_as, row)
        if event.prefix is not None:
            prefix = upstream.renames.layer(event.asked_as, event.prefix, entries.near(event.prefix), row)
            yield _answer(event, prefix, entries, dict(row), names)


def _renaming(mapper: Mapper, drops: bool) -> Mapper:
    """Return what a mapper does to names of modules: parts of packed modules keep theirs."""
    kinds = (tuple(pair for pair in pairs if drops or pair[1] is not None)
             for pairs in (mapper.substr, mapper.prefix, mapper.suffix))  # fmt: skip
    substr, prefix, suffix = kinds
    return Mapper(substr=substr, prefix=prefix, suffix=suffix)


def _names(chain: tuple[Mapper, ...]) -> Callable[[str], str]:
    def name(of: str) -> str:
        for mapper in chain:
            found = mapper.map(of)
            of = of if found is None else found[0]
        return of

    return name


def _answer(layer: Layer, prefix: str, entries: _Entries, row: Row, names: Callable[[str], str]) -> Asked:
    last = prefix.rpartition(".")[2]
    is_packed = last in row
    looked_up = tuple(prefix.replace(last, part) + WEIGHT for part in row[last]) if is_packed else (prefix + WEIGHT,)
    missing = tuple(name for name in looked_up if name not in entries.words)
    words = tuple(entries.words[name] for name in looked_up if name in entries.words)
    plain_by = ""
    if layer.kind == EMBEDDING and missing:
        missing, words = (), (FLOAT,)
    elif not is_packed:
        by = entries.plain_below(prefix)
        plain_by = by if by and by != looked_up[0] else ""
        missing, words = ((), (FLOAT,)) if by else (missing, words)
    word = words[0] if not missing and len(set(words)) == 1 else ""
    return Asked(layer, prefix, looked_up, missing, words, word, plain_by, is_packed, row, names)


def kind_of(layer: Layer) -> str:
    """Return the kind of layer for which a scheme is registered."""
    return MOE if layer.kind == MOE else "linear"
