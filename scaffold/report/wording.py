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
LATIN = re.compile(r"[!-~](?:[ -~]*[!-~])?")
FOLDER = Path(__file__).parent / "words"


@dataclass(frozen=True)
class Words:
    """The words of one language.

    Attributes:
        language: a row of `LANGUAGES`.
        sections: section → key → words.
    """

    language: str
    sections: Mapping[str, Any]

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
        if self.language == "zh" and text in in_chinese():
            return _marked(in_chinese()[text], verbatim)
        for pattern, words in self.sections["said"]:
            found = re.fullmatch(pattern, text)
            if found:
                return str(words).format(*(self._quoted(group, text, verbatim) for group in found.groups()))
        return None

    def _quoted(self, group: str, of: str, verbatim: Callable[[str], str]) -> str:
        """Return a part of a sentence: a number, a sentence again, or as it stands."""
        if re.fullmatch(r"[\d.,%]+", group):
            return group
        said = self.said(group, verbatim) if len(group) < len(of) else None
        return verbatim(group) if said is None else said


def _marked(text: str, verbatim: Callable[[str], str]) -> str:
    """Return a Chinese text with what is no prose in it (options, variables, paths) as quoted."""

    def mark(found: re.Match[str]) -> str:
        part = found[0]
        return part if PLAIN.fullmatch(part) and not part.startswith("-") else verbatim(part)

    return LATIN.sub(mark, text)


@cache
def words(language: str) -> Words:
    """Return the words of a language of `LANGUAGES`."""
    return Words(language, read_table(FOLDER / f"{language}.yaml"))
