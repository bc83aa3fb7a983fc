"""Which entry of the description each layer gets: what vllm-ascend's ``get_quant_method`` does, as values.

The source of the rules is vllm_ascend/quantization/modelslim_config.py: ``get_quant_method``,
``is_layer_skipped_ascend``, ``get_linear_quant_type``, ``_has_quant_weight``, ``apply_vllm_mapper``. What renames is
run (`scaffold.modelslim.renames`); in what releases differ besides is a `Dialect`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from scaffold.modelslim.description import FLOAT, WEIGHT
from scaffold.modelslim.dialect import BEGINNING, GET, Dialect
from scaffold.modelslim.layers import EMBEDDING, MOE, Handed, Layer
from scaffold.modelslim.upstream import Row, Upstream
from scaffold.source.python.errors import NotUnderstood
from scaffold.vllm_models.mappers import Mapper

HEAD = "lm_head"
_LAYER = re.compile(r"\.(\d+)\.")
_OF_EXPERT = re.compile(r"\.experts\.\d+\.(\w+)\.weight$")
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
        is_absent: whether it is plain because there is no entry.
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
    is_absent: bool
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
    def experts(self) -> tuple[str, ...]:
        """Return what experts consist of, by the names of entries."""
        found = {match[1] for name in self.words if (match := _OF_EXPERT.search(name))}
        return tuple(f"experts.0.{name}" for name in sorted(found))

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
    events: Iterable[Layer | Handed],
    words: Mapping[str, str],
    upstream: Upstream,
    has_rename_mapper: bool,
    text_types: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Asked]:
    """Yield each layer with what it is given.

    Args:
        events: of `scaffold.modelslim.layers.layers`.
        words: the description, with the entries that vllm-ascend's code adds.
        upstream: the tables.
        has_rename_mapper: whether vLLM has ``get_rename_mapper``: without it a mapper takes away what its class does
            not load, too, and one that was applied is known by its identity and not applied again.
        text_types: outer model type → that of the text config.

    Raises:
        NotUnderstood: code that renames is beyond the interpreter.
    """
    dialect, rows = upstream.dialect, {model_type: dict(known) for model_type, known in upstream.packed.items()}
    entries, row, applied = _Entries(words), dict[str, tuple[str, ...]](), ""
    chain: list[Mapper] = []
    names = _names(())
    for event in events:
        if isinstance(event, Handed):
            is_new = dialect.maps_names and (has_rename_mapper or applied != event.owner)
            if event.mapper is not None and is_new:
                mapper = _renaming(event.mapper, drops=not has_rename_mapper)
                renamed = ((mapper.map(name), word) for name, word in entries.words.items())
                entries = _Entries({found[0]: word for found, word in renamed if found is not None})
                chain.append(mapper)
                names, applied = _names(tuple(chain)), event.owner
            if event.packed is not None and event.replaces:
                row = dict(event.packed)
            elif event.packed is not None:
                row.update(event.packed)  # where a row of the table is in force, that row itself
            continue
        model_type = text_types.get(event.asked_as, event.asked_as) if dialect.by_text else event.asked_as
        if model_type in upstream.unread:
            raise NotUnderstood(f"the row of {model_type} in {upstream.where}")
        if dialect.replaces:
            row = rows.get(model_type, row)
        else:
            row.update(rows.get(model_type, {}))
        if dialect.finds_experts and "experts" not in row and entries.experts:
            row["experts"] = entries.experts
        if event.prefix is not None:
            yield _answer(event, model_type, entries, dict(row), names, upstream)


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


def _answer(
    layer: Layer, model_type: str, entries: _Entries, row: Row, names: Callable[[str], str], upstream: Upstream
) -> Asked:
    assert layer.prefix is not None
    dialect, near = upstream.dialect, entries.near(layer.prefix)
    prefix = upstream.renames.layer(model_type, layer.prefix, near, row, dialect.by_part)
    last = prefix.rpartition(".")[2]
    parts = [with_part(prefix, part, dialect) for part in row[last]] if last in row else [prefix]
    if dialect.by_part:
        parts = [upstream.renames.part(model_type, part, near, row) for part in parts]
    looked_up = [part + WEIGHT for part in parts]
    if dialect.lacks_v:
        looked_up = [name for name in looked_up if not _is_v_of_k(name, entries.words)] if last in row else looked_up
    if dialect.shares_head and ".head" in prefix and looked_up[0] not in entries.words:
        looked_up = [HEAD + WEIGHT] if last not in row else looked_up
    missing = tuple(name for name in looked_up if name not in entries.words)
    words = tuple(entries.words[name] for name in looked_up if name in entries.words)
    plain_by, is_absent = "", False
    may_lack = dialect.lookup == GET and last not in row
    if missing and (may_lack or (layer.kind == EMBEDDING and dialect.plain_embeddings)):
        missing, words, is_absent = (), (FLOAT,), True
    elif last not in row and dialect.lookup == BEGINNING:
        by = entries.plain_below(prefix)
        plain_by = by if by and by != looked_up[0] else ""
        missing, words = ((), (FLOAT,)) if by else (missing, words)
    word = words[0] if not missing and len(set(words)) == 1 else ""
    found = tuple(looked_up)
    return Asked(layer, prefix, found, missing, words, word, plain_by, is_absent, last in row, row, names)


def with_part(prefix: str, part: str, dialect: Dialect) -> str:
    """Return a prefix with a part in place of its last component."""
    last = prefix.rpartition(".")[2]
    return prefix.replace(last, part) if dialect.everywhere else prefix.removesuffix(last) + part


def _is_v_of_k(name: str, words: Mapping[str, str]) -> bool:
    """Return whether an entry for v is left out, as k's weight is v's (``_is_missing_v_shard``)."""
    stem = name.removesuffix("v_proj.weight")
    has_both = f"{stem}q_proj.weight" in words and f"{stem}k_proj.weight" in words
    return stem != name and name not in words and has_both


def kind_of(layer: Layer) -> str:
    """Return the kind of layer for which a scheme is registered."""
    return MOE if layer.kind == MOE else "linear"
