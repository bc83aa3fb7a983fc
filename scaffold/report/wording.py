"""The words of a language: tables of terms and sentences, and what the tool's own English means in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from scaffold.common.tables import read_table
from scaffold_validators.diagnosis.chinese import in_chinese

LANGUAGES = ("zh", "en")
"""The first is the default: vllm-ascend asks for documents in Chinese."""
PLAIN = re.compile(r"[A-Za-z0-9 ,./'()-]*")
"""What means nothing to Markdown."""
PLACED = re.compile(r"(.+) \((.+)\)")
"""A sentence and the place that it is said of."""
LATIN = re.compile(r"[!-~](?:[ -~]*[!-~])?")
FOLDER = Path(__file__).parent / "words"
SAID = ("gates", "strategies", "disagreements", "capacity", "static", "notes", "facts", "holes", "joined")
"""Files of ``words/said/``: what this tool says in English, and its Chinese; the first pattern that fits counts."""
MOST_PARTS = 12
"""Of sentences in a list: what is longer is no list of the tool's own."""
WIDE = "\u4e00-\u9fff"
FULL = "，。：；、（）“”…"
"""Chinese characters, which are set apart from Latin ones by a space, and punctuation of full width, which never is."""


@dataclass(frozen=True)
class Words:
    """The words of one language.

    Attributes:
        language: a row of `LANGUAGES`.
        sections: section → key → words.
        sentences: what this tool says in English, as patterns, with what it is in this language.
    """

    language: str
    sections: Mapping[str, Any]
    sentences: tuple[tuple[re.Pattern[str], str], ...] = ()

    def of(self, section: str, key: str, **fields: object) -> str:
        """Return words with their fields filled in.

        Raises:
            KeyError: there are none of this section and key, or a field of theirs is not given.
        """
        words = str(self.sections[section][key])
        return words.format(**fields) if fields else words

    def fact(self, name: str, layers: Sequence[str], verbatim: Callable[[str], str]) -> str:
        """Return what a fact is called; the end of its name, which may be a checkpoint's word, as it stands.

        Args:
            name: without the layers that it is told of.
            layers: their numbers, kind by kind; empty where it is told of all.
            verbatim: marks up what is none of the tool's own words.
        """
        table = self.sections["fact"]
        starts = [key for key in table if name.startswith(key) and name[len(key) :][:1] in ("", " ")]
        start = max(starts, key=len, default="")
        rest = name[len(start) :].strip()
        plain = rest if PLAIN.fullmatch(rest) else verbatim(rest)
        of = self.of("text", "of_layers", layers=self.of("punctuation", "semicolon").join(layers)) if layers else ""
        return " ".join(filter(None, (str(table[start]) if start else "", plain))) + of

    def said(self, text: str, verbatim: Callable[[str], str]) -> str | None:
        """Return a sentence of the tool's own in this language; None where it is none, or of another language.

        Args:
            text: in English.
            verbatim: marks up what a sentence quotes.
        """
        return self._one(text, verbatim) or self._listed(text, verbatim, every=True)

    def _one(self, text: str, verbatim: Callable[[str], str]) -> str | None:
        """Return a sentence, or one with its place."""
        return self._sentence(text, verbatim) or self._placed(text, verbatim)

    def _sentence(self, text: str, verbatim: Callable[[str], str]) -> str | None:
        if self.language == "zh" and text in in_chinese():
            return _marked(in_chinese()[text], verbatim)
        for pattern, words in self.sentences:
            found = pattern.fullmatch(text)
            if found:
                return _filled(words, [self._quoted(group, text, verbatim) for group in found.groups()])
        return None

    def _placed(self, text: str, verbatim: Callable[[str], str]) -> str | None:
        """Return a sentence behind which stands the place that it is said of, in brackets; None where it is none."""
        found = PLACED.fullmatch(text)
        said = self._sentence(found[1], verbatim) if found else None
        return said + self.of("punctuation", "bracket", text=verbatim(found[2])) if found and said else None

    def _quoted(self, group: str, of: str, verbatim: Callable[[str], str]) -> str:
        """Return a part of a sentence: a number, a sentence again, several of them, or as it stands."""
        if re.fullmatch(r"[\d.,%]+(?: [KMG]iB)?", group):
            return group
        said = self.said(group, verbatim) if len(group) < len(of) else None
        said = said if said is not None else self._listed(group, verbatim, every=False)
        return verbatim(group) if said is None else said

    def _listed(self, text: str, verbatim: Callable[[str], str], *, every: bool) -> str | None:
        """Return sentences that semicolons part; None where none of them is the tool's own, or not ``every`` one."""
        parts, said = text.split("; ", MOST_PARTS), list[str]()
        known = at = 0
        while at < len(parts):
            runs = ((end, "; ".join(parts[at:end])) for end in range(len(parts), at, -1))
            found = ((end, self._one(run, verbatim)) for end, run in runs if len(run) < len(text))
            end, one = next(((end, one) for end, one in found if one is not None), (at + 1, None))
            said.append(verbatim(parts[at]) if one is None else one)
            known, at = known + (one is not None) * (end - at), end
        if not known or (every and known < len(parts)):
            return None
        return str(self.sections["punctuation"]["semicolon"]).join(said)


def _filled(words: str, parts: Sequence[str]) -> str:
    """Return words with their parts in place, Chinese and Latin set apart as they are to be."""
    pieces = re.split(r"\{(\d+)\}", words)
    text = ""
    for at, piece in enumerate(pieces):
        text = _joined(text, parts[int(piece)] if at % 2 else piece)
    return text


def _joined(left: str, right: str) -> str:
    """Return two pieces of a sentence with the space between them that Chinese wants, and no other."""
    before, after = left.rstrip(" "), right.lstrip(" ")
    ends = before[-1:], after[:1]
    if not all(ends):
        return left + right
    wide = [bool(re.match(f"[{WIDE}]", end)) for end in ends]
    if all(wide) or any(end in FULL for end in ends):
        return before + after
    return f"{before} {after}" if any(wide) and not (wide[0] and after[0] in "%") else left + right


def _marked(text: str, verbatim: Callable[[str], str]) -> str:
    """Return a Chinese text with what is no prose in it (options, variables, paths) as quoted."""

    def mark(found: re.Match[str]) -> str:
        part = found[0]
        return part if PLAIN.fullmatch(part) and not part.startswith("-") else verbatim(part)

    return LATIN.sub(mark, text)


@cache
def words(language: str) -> Words:
    """Return the words of a language of `LANGUAGES`."""
    files = [FOLDER / "said" / f"{name}.yaml" for name in SAID] if language == LANGUAGES[0] else []
    sentences = ((re.compile(pattern), words) for file in files for pattern, words in read_table(file))
    return Words(language, read_table(FOLDER / f"{language}.yaml"), tuple(sentences))
