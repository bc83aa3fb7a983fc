"""The gate that an implementation that exists has to pass: it takes every tensor, fills every parameter, fits the spec.

Nothing is run. What speaks against an implementation is a reason; what cannot be told is a note, and left to the twin.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scaffold.checkpoint.patterns import pattern_of
from scaffold.common.errors import UsageError
from scaffold.mapping.proved import Proved
from scaffold.roots.vllm_tree import Registered
from scaffold.strategy.protocol import Answer, Counts, Question
from scaffold.strategy.renaming import moved

if TYPE_CHECKING:
    from scaffold.vllm_models.check import AdapterCheck

SHOWN = 3
FLAT = ".weight.absmax"
"""What bitsandbytes keeps beside a weight whose entries of four bits are packed without its shape."""
SPLIT = (
    "these are packed or split otherwise in the files than in the source, and {class_name} takes them as it lays them "
    "out: one part behind the other"
)


@dataclass(frozen=True)
class Gate:
    """What a static proof says of an implementation.

    Attributes:
        against: why it does not hold; empty if nothing speaks against it.
        notes: what else there is to know.
        unproved: what could not be decided.
        misfits: tensor-parallel size → why it cannot be served at that.
        counts: what becomes of the tensors, where that is known.
    """

    against: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unproved: tuple[str, ...] = ()
    misfits: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    counts: Counts | None = None

    @property
    def holds(self) -> bool:
        """Return whether nothing speaks against it."""
        return not self.against

    @property
    def told(self) -> tuple[str, ...]:
        """Return what could not be decided, and what else there is to know."""
        return (*self.unproved, *self.notes)

    def answer(self, reason: str, entry: Registered | None) -> Answer:
        """Return the answer of a strategy whose implementation passed it."""
        return Answer(True, reason, entry, self.notes, self.unproved, misfits=self.misfits, counts=self.counts)


def prove_class(question: Question, entry: Registered) -> Gate:
    """Prove that a registered class takes the checkpoint's tensors in the shapes that they have."""
    if question.tree is None:
        return Gate(unproved=("no tree of vLLM was given: which tensors its class takes was not looked at",))
    # Here, as many a model has no class to be looked at.
    from scaffold.vllm_models.adapter import check_registered

    reading = question.reading
    decoder = reading.spec.decoder
    by_rules = _of_whole_model(question)
    try:
        check = check_registered(
            question.tree, entry, reading.checkpoint, reading.transformers, decoder.config if decoder else None,
            _missing(by_rules), question.sizes,
        )  # fmt: skip
    except UsageError as error:
        return Gate(unproved=(f"{entry.class_name} could not be read ({error.found}, {error.where})",))
    misfits = {size: why for size, why in check.misfits.items() if why}
    against = (*_against_class(check, question), *_against_loader(check, by_rules))
    against = against or tuple(_against_files(by_rules, check.unsure, check.filled))
    if check.unsure and not against:
        against = tuple(_against_names(question))
    against = (*against, *against_sizes(question, misfits))
    counts = Counts(check.taken, check.left_out, tuple(check.unsure))
    notes, unproved = tuple(_notes(check, by_rules, question)), tuple(_unproved(check, by_rules))
    return Gate(against, notes, unproved, misfits, counts)


def against_sizes(question: Question, misfits: Mapping[int, tuple[str, ...]]) -> Iterator[str]:
    """Yield the tensor-parallel sizes that are asked for and cannot be served."""
    for size in question.ranks:
        if misfits.get(size):
            yield f"it cannot be served at tensor-parallel {size}: {misfits[size][0]}"


def prove_source(question: Question) -> Gate:
    """Prove that transformers, which runs the source, finds the checkpoint's tensors in it."""
    gate = prove_files(question)
    return Gate((*gate.against, *_against_names(question)), gate.notes, gate.unproved)


def prove_files(question: Question) -> Gate:
    """Prove that the checkpoint is what the modeling source says, for an implementation that runs that source."""
    by_rules = _of_whole_model(question)
    if isinstance(by_rules, str):
        return Gate(unproved=(f"whether the tensors are those of the source was not proved: {by_rules}",))
    return Gate(tuple(_against_files(by_rules, by_rules.proof.unrouted)), tuple(_flat(question)))


def _of_whole_model(question: Question) -> Proved | str:
    """Return the rules with their proof, if they are those of all parts of the model; else why they prove nothing."""
    decoder = question.reading.spec.decoder
    if decoder is not None and decoder.text_key:
        return f"the decoder inside of {decoder.text_key} was read, and not the parts around it"
    return question.weights


def _against_names(question: Question) -> Iterator[str]:
    """Yield that names begin otherwise than the source's, where a loader is not known to expect that."""
    decoder = question.reading.spec.decoder
    if decoder is None or decoder.text_key:
        return
    for old, new in moved(question.reading.checkpoint.weights.forms, decoder)[:1]:
        yield f'names begin with "{old}" where those of the source begin with "{new}"'


def _missing(by_rules: Proved | str) -> list[str]:
    """Return the tensors that the model has by its source, and the files have not."""
    findings = () if isinstance(by_rules, str) else by_rules.proof.findings
    return [name for finding in findings if finding.kind == "missing" for name in finding.tensors]


def _against_loader(check: AdapterCheck, by_rules: Proved | str) -> Iterator[str]:
    """Yield tensors of the model for which the class has no parameter, whatever the code of its loader does."""
    rules = () if isinstance(by_rules, str) else by_rules.weight_map.rules
    needed = [rule for rule in rules if rule.required and not rule.is_ignored]
    kinds: dict[str, bool] = {}
    lost = []
    for name in check.homeless:
        kind = pattern_of(name)
        if kind not in kinds:
            kinds[kind] = any(rule.match(name) is not None for rule in needed)
        lost += [name] if kinds[kind] else []
    if lost:
        yield f"{check.class_name} has no parameter for {_some(lost)}, and none is left: {check.homeless[lost[0]]}"


def _against_class(check: AdapterCheck, question: Question) -> Iterator[str]:
    from scaffold.vllm_models.adapter import is_quantised

    name = check.class_name
    if check.faults:
        yield f"{name} cannot be made of this config: {'; '.join(check.faults[:SHOWN])}"
    if check.refused:
        told = _some(item.name for item in check.refused)
        mends = f"; {check.suggestion}" if check.suggestion else ""
        yield f"{name} has no parameter for {told}{mends}"
    for item in {pattern_of(item.name): item for item in reversed(check.misshapen)}.values():
        asked = [size if size is not None else "?" for size in item.asked]
        yield f"{name} asks {item.parameter} to be {asked}, and {item.name} is {list(item.found)}"
    if check.dropped and not is_quantised(question.reading.checkpoint) and not question.config_counts:
        yield f"{name} leaves out without a word, as it has no parameter for them: {_some(check.dropped)}"
    if check.empty:
        yield f"nothing fills {_some(check.empty)} of {name}"


def _against_files(by_rules: Proved | str, undecided: Collection[str], filled: Iterable[str] = ()) -> Iterator[str]:
    """Yield where files and spec disagree.

    Args:
        by_rules: rules by the spec, with their proof.
        undecided: names of which the class does not tell whether it takes them: those that the spec does not have
            count.
        filled: names that are not there, and whose place in the class others fill.
    """
    if isinstance(by_rules, str):
        return
    findings = by_rules.proof.findings
    otherwise = set(filled)
    missing = [name for name in _missing(by_rules) if name not in otherwise]
    if missing:
        yield f"the files lack {_some(missing)} of the model that was read"
    for finding in findings:
        if finding.kind in ("shape", "duplicate"):
            yield f"{finding.says}: {_some(finding.tensors)}"
    unknown = set(undecided)
    extra = [name for finding in findings if finding.kind == "unrouted" for name in finding.tensors if name in unknown]
    if extra:
        yield f"no part of the model that was read has {_some(extra)}"


def _flat(question: Question) -> Iterator[str]:
    """Yield of which weights no shape is known."""
    names = [name for name in question.reading.checkpoint.weights.forms if name.endswith(FLAT)]
    if names:
        told = _some(name.removesuffix(".absmax") for name in names)
        yield f"the shapes of {told} lie inside of the files, as bitsandbytes packs them: their numbers of entries fit"


def _notes(check: AdapterCheck, by_rules: Proved | str, question: Question) -> Iterator[str]:
    if not isinstance(by_rules, str) and by_rules.proof.holds:
        yield from _flat(question)
    if check.filled:
        yield f"{SPLIT.format(class_name=check.class_name)}: {_some(check.filled)}"
    if check.dropped and question.config_counts:
        yield f"left out, as the config is believed: {_some(check.dropped)}"


def _unproved(check: AdapterCheck, by_rules: Proved | str) -> Iterator[str]:
    """Yield what of the tensors only running it shows."""
    for why, _ in Counter(check.unsure.values()).most_common(SHOWN):
        names = [name for name, reason in check.unsure.items() if reason == why]
        yield f"whether {check.class_name} takes {_some(names)} is not known: {why}"
    for why, _ in Counter(check.brought.values()).most_common(SHOWN):
        lacking = [name for name, place in check.brought.items() if place == why]
        yield f"no tensor fills {_some(lacking)} of {check.class_name}; whether its loader does is not known: {why}"
    more = len(set(check.unsure.values())) - SHOWN
    if more > 0:
        yield f"… and {more} more places of {check.class_name} where the reading ends"
    if not isinstance(by_rules, str) and (by_rules.proof.holds or check.filled):
        return
    shapes = Counter(check.shapes_unsure)
    if shapes:
        why, _ = shapes.most_common(1)[0]
        yield f"the shapes of {shapes.total()} tensors could not be compared with {check.class_name}'s: {why}"
    if isinstance(by_rules, str):
        yield f"the tensors were not compared with the model's source: {by_rules}"


def _some(names: Iterable[str]) -> str:
    listed: Sequence[str] = list(names)
    kinds = list(dict.fromkeys(pattern_of(name) for name in listed))
    more = f" and {len(kinds) - SHOWN} more kinds" if len(kinds) > SHOWN else ""
    count = f" ({len(listed)} tensors)" if len(listed) > len(kinds) else ""
    return f"{', '.join(kinds[:SHOWN])}{more}{count}"
