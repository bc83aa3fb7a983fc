"""How far a server has come, read from the lines of its log."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Milestone:
    """Something that a start comes by: its mark in the log, and what it says to a person."""

    mark: str
    says: str


MILESTONES = (
    Milestone("Initializing a V1 LLM engine", "engine starts"),
    Milestone("Starting to load model", "loading the model"),
    Milestone("Loading weights took", "weights are loaded"),
    Milestone("torch.compile takes", "compiled"),
    Milestone("KV cache size", "warming up"),
    Milestone("Capturing CUDA graphs", "capturing graphs"),
    Milestone("Graph capturing finished", "graphs are captured"),
    Milestone("Application startup complete", "server is up"),
)


@dataclass(frozen=True)
class Bar:
    """A bar of tqdm in a log: what, how many are done, of how many."""

    what: str
    done: int
    total: int


_BAR = re.compile(r"(?P<what>[^:|]{3,80}):\s*\d+%.*?\|\s*(?P<done>\d+)/(?P<total>\d+)\s*\[")
_PREFIX = re.compile(r"^(?:\([^)]*pid=\d+\)\s*)?(?:(?:INFO|WARNING|ERROR|DEBUG) [\d-]+ [\d:.]+ \[[^\]]*\]\s*)?")
_EMPTY = re.compile(r"^[\W_]*$|[█▄▀]")
"""Lines without a word, and vLLM's banner."""


def milestone(line: str) -> Milestone | None:
    """Return the milestone that a line shows, or None."""
    return next((one for one in MILESTONES if one.mark in line), None)


def bar(line: str) -> Bar | None:
    """Return the bar that a line shows: shards of weights, graphs that are captured."""
    found = _BAR.search(line) if "%" in line and "/" in line else None
    return Bar(found["what"].strip(), int(found["done"]), int(found["total"])) if found else None


def meaningful(line: str) -> str:
    """Return what a line says to a person who waits, without its prefix; empty for decoration and bars."""
    if "%|" in line or bar(line) is not None:
        return ""
    said = _PREFIX.sub("", line).strip()
    return "" if _EMPTY.search(said) else said
