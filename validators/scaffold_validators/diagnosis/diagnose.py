"""What logs say of a failure: its first cause, what followed from it, and where to read on if nobody knows it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from scaffold_validators.diagnosis.failures import Failure, Reader
from scaffold_validators.diagnosis.files import Log, logs_of
from scaffold_validators.diagnosis.finding import UNKNOWN, Diagnosis, Finding
from scaffold_validators.diagnosis.judged import Judged, Weight, judge
from scaffold_validators.diagnosis.signatures import ending_lines, known_lines, quiet_lines, shape_of, signatures

ANSWERS_AFTER = 3
"""A server that answers this many requests after a failure has survived it; fewer may have been under way."""
HOW_IT_ENDED = "aborted"
"""The row of the signatures that says of native code only that it ended its process."""
_KEPT = 1_000
"""Different failures of a log that are kept; of further ones only the first of each row of the signatures is."""


def diagnose(log: str | Iterable[str], *, allow: Collection[str] = ()) -> Diagnosis:
    """Return what one log says of a failure.

    Args:
        log: its text, or its lines.
        allow: ids of signatures that are no failure here.
    """
    return diagnose_logs([Log("", log.splitlines() if isinstance(log, str) else log)], allow=allow)


def diagnose_files(paths: Sequence[Path], *, allow: Collection[str] = ()) -> Diagnosis:
    """Return what the logs of one run say of a failure: files, and folders of logs, such as CANN's plog.

    Raises:
        OSError: one of them cannot be read, or a folder has no log.
    """
    return diagnose_logs([log for path in paths for log in logs_of(path)], allow=allow)


def diagnose_logs(logs: Iterable[Log], *, allow: Collection[str] = ()) -> Diagnosis:
    """Return what several logs of one run say, each read once, with what they say in the order of time."""
    judged: list[tuple[int, Judged]] = []
    harmless: dict[str, None] = {}
    number = 0
    for number, log in enumerate(logs, 1):
        one = _Log(log.name, allow)
        judged += [(number, failure) for failure in one.read(log.lines)]
        harmless.update(one.harmless)
    if number > 1 and all(failure.time for _, failure in judged):
        judged.sort(key=lambda pair: (pair[1].time, pair[0], pair[1].finding.line_number))
    return replace(_concluded([failure for _, failure in judged]), harmless=tuple(harmless))


@dataclass
class _Log:
    """One log: its failures, each once, in the order in which they begin."""

    name: str
    allow: Collection[str]
    harmless: dict[str, None] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _ids: set[str] = field(default_factory=set)
    _failed: bool = False
    """Whether it failed before anybody ended it."""

    def read(self, lines: Iterable[str]) -> list[Judged]:
        """Return what is told, with what the server survived marked."""
        reader = Reader(quiet_lines(), known_lines(), ending_lines())
        found = [judged for failure in reader.read(lines) if (judged := self._judged(failure, reader)) is not None]
        found.sort(key=lambda judged: judged.finding.line_number)
        return list(_with_survivors(found, reader.answered, reader.ready))

    def _judged(self, failure: Failure, reader: Reader) -> Judged | None:
        shape = shape_of("\n".join(failure.texts[:3] + failure.texts[-3:]))
        if shape in self._seen:
            return None
        full = len(self._seen) >= _KEPT
        if not full:
            self._seen.add(shape)
        if failure.ending and (self._failed or any(map(self._is_failure, reader.under_way))):
            failure = replace(failure, ending=False)  # that ended it, and what others say late is a part of it
        judged = judge(failure, self.name, self.allow)
        if isinstance(judged, str):
            self.harmless[judged] = None
            return None
        if full and judged.finding.id in self._ids:
            return None
        self._ids.add(judged.finding.id)
        self._failed = self._failed or (judged.weight is not Weight.SURVIVED and not failure.ending)
        return judged

    def _is_failure(self, failure: Failure) -> bool:
        judged = judge(failure, self.name, self.allow)
        return isinstance(judged, Judged) and judged.weight is not Weight.SURVIVED


def _with_survivors(found: Sequence[Judged], answered: int, ready: int) -> Iterable[Judged]:
    """Mark the failures after which the server went on to answer, and the lines after which it came up."""
    until = answered
    marked = []
    for judged in reversed(found):
        lived_on = until - judged.answered >= ANSWERS_AFTER
        if judged.weight is Weight.FOLLOWED:
            until, ready = judged.answered, 0
        elif _is_said(judged) and (lived_on or judged.finding.line_number < ready):
            judged = replace(judged, weight=Weight.PASSED)
        elif judged.weight < Weight.SURVIVED and lived_on:
            judged = replace(judged, weight=Weight.SURVIVED)
        marked.append(judged)
    return reversed(marked)


def _is_said(judged: Judged) -> bool:
    """Return whether it is a line of level ERROR alone: no exception, no death, and at most a family is known."""
    finding = judged.finding
    if finding.exception or finding.id == HOW_IT_ENDED or judged.weight in (Weight.SURVIVED, Weight.FOLLOWED):
        return False
    if finding.id == UNKNOWN:
        return judged.weight is not Weight.CAUSE
    return next(row.general for row in signatures() if row.id == finding.id)


def _is_outlived(judged: Judged, weight: Weight) -> bool:
    """Return whether it accuses nobody: the server lived on, and nobody knows what it was."""
    unknown = judged.finding.id == UNKNOWN and judged.finding.exception != ""
    return weight is Weight.PASSED or (weight is Weight.SURVIVED and unknown)


def _concluded(found: Sequence[Judged]) -> Diagnosis:
    weights = [_weight(judged, found[:index]) for index, judged in enumerate(found)]
    if all(_is_outlived(judged, weight) for judged, weight in zip(found, weights)):
        return Diagnosis(None, survived=tuple(judged.finding for judged in found))
    first = min(range(len(found)), key=lambda index: (weights[index], index))
    alike = [index for index in range(len(found)) if weights[index] is weights[first]]
    cause_at = next((index for index in alike if _says_more(found[index].finding, found[first].finding)), first)
    cause = found[cause_at]
    survived: list[Finding] = []
    others: list[Finding] = []
    for index, judged in enumerate(found):
        outlived = weights[index] is Weight.PASSED or (weights[index] is Weight.SURVIVED and index < cause_at)
        if index != cause_at:
            (survived if outlived else others).append(judged.finding)
    cascade = [finding for finding in others if finding.id != cause.finding.id]
    unique = {(finding.id, finding.exception, finding.message): finding for finding in reversed(cascade)}
    ordered = sorted(unique.values(), key=others.index)
    return Diagnosis(cause.finding, tuple(ordered), tuple(survived), cause.read)


def _says_more(peer: Finding, first: Finding) -> bool:
    """Return whether another process tells of the same failure more specifically, as where ranks interleave."""
    same = peer.exception == first.exception != "" and peer.process != first.process
    if not same or peer.id in (first.id, UNKNOWN):
        return False
    if first.id == UNKNOWN:
        return bool(first.frame) and peer.frame == first.frame
    rows = {row.id: row for row in signatures()}
    return first.id in rows[peer.id].before or (rows[first.id].general and not rows[peer.id].general)


def _weight(judged: Judged, before: Sequence[Judged]) -> Weight:
    """Return what a failure weighs among the others.

    What nobody knows, and how a process was ended by its native code, says less than that it had waited in vain.
    """
    vague = judged.weight is Weight.CAUSE and (judged.read or judged.finding.id == HOW_IT_ENDED)
    return Weight.UNCLEAR if vague and any(other.weight is Weight.WAITED for other in before) else judged.weight
