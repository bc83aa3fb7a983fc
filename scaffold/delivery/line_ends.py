"""How lines of a list end: with a comma where another entry follows, with a line feed where another line does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from scaffold.delivery.stretches import CLOSING


class Line(NamedTuple):
    """One line.

    Attributes:
        body: its words, without its end.
        end: a comma, a line feed, both or neither.
        is_last: whether a closing bracket follows it: it is the last of its list.
    """

    body: str
    end: str
    is_last: bool


def lines_of(text: str) -> list[Line]:
    """Return the lines of a text; only a line feed ends one."""
    *whole, rest = text.split("\n")
    raw = [f"{line}\n" for line in whole] + ([rest] if rest else [])
    following, found = "", list[Line]()
    for line in reversed(raw):
        body = line.rstrip("\r\n").removesuffix(",")
        found.append(Line(body, line[len(body) :], following.startswith(CLOSING)))
        following = body.strip() or following
    return found[::-1]


def written(lines: Sequence[Line], like: Iterable[str], ends_like: str) -> str:
    """Return lines of one or several texts as one text.

    A line keeps its end, unless what follows it there is another than here: then it ends as the same line does where
    that follows it, else as most lines beside it do.

    Args:
        lines: in order.
        like: the texts that they are from, and others that have them.
        ends_like: a text that ends with a line feed, or not, as this one is to.
    """
    known: dict[tuple[str, bool], str] = {}
    usual = Counter[tuple[str, bool, str]]()
    for line in chain.from_iterable(map(lines_of, like)):
        comma = line.end.rstrip("\r\n")
        known.setdefault((line.body, line.is_last), comma)
        usual[_indent(line.body), line.is_last, comma] += 1
    text = ""
    for line, now in zip(lines, lines_of("".join(f"{line.body}\n" for line in lines)), strict=True):
        comma, feed = line.end.rstrip("\r\n"), line.end.lstrip(",")
        if line.is_last != now.is_last:
            place = _indent(line.body), now.is_last
            common = max(("", ","), key=lambda one: usual[(*place, one)])
            comma = known.get((line.body, now.is_last), common)
        text += line.body + comma + (feed or "\n")
    return text if not text or ends_like.endswith("\n") else text.removesuffix("\n")


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
