"""What a codemod is: a pure function from source text to source text, and what is known about it.

``transform(text, **arguments)`` returns the new text or raises `Refusal`. It is idempotent, keeps
every byte outside of its edit, and keeps the order and line width of the file that it edits.
Its examples lie beside it: they are its tests and its documentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codemods.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Parameter:
    """One argument of a codemod; all are strings. ``default`` None means that it is required.

    ``is_file_text``: the argument is the text of a file (a command line takes the file's path).
    """

    name: str
    meaning: str
    default: str | None = None
    is_file_text: bool = False


@dataclass(frozen=True)
class Example:
    """With these arguments ``before`` becomes ``after``, and ``after`` stays as it is."""

    arguments: Mapping[str, str]
    before: str
    after: str


@dataclass(frozen=True)
class Refused:
    """With these arguments ``before`` is refused, with a message that contains ``because``."""

    arguments: Mapping[str, str]
    before: str
    because: str


@dataclass(frozen=True)
class Codemod:
    """A named edit of one file of a source tree.

    ``tree`` is ``vllm`` or ``vllm-ascend``; ``targets`` are the places of the file inside of it,
    newest layout first, with ``{parameter}`` for parts that an argument decides. A codemod that
    ``creates`` its file gets the empty text when there is none yet. ``upstream`` is the file or
    page of the upstream project whose rule the codemod follows.
    """

    name: str
    summary: str
    upstream: str
    tree: str
    targets: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    transform: Callable[..., str]
    examples: tuple[Example | Refused, ...]
    creates: bool = False

    def run(self, text: str, arguments: Mapping[str, str]) -> str:
        """Check the arguments against the parameters and transform the text.

        Raises `Refusal` for missing and unknown arguments and for what the transform refuses.
        """
        return self.transform(text, **self.complete(arguments))

    def complete(self, arguments: Mapping[str, str]) -> dict[str, str]:
        """Fill in defaults. Raises `Refusal` for missing and unknown arguments."""
        known = [parameter.name for parameter in self.parameters]
        defaults = {p.name: p.default for p in self.parameters if p.default is not None}
        complete = {**defaults, **arguments}
        unknown = sorted(set(complete) - set(known))
        missing = [name for name in known if name not in complete]
        if unknown or missing:
            raise Refusal(
                "; ".join(
                    f"{what} {', '.join(names)}"
                    for what, names in (("unknown:", unknown), ("missing:", missing))
                    if names
                ),
                where=f"arguments of {self.name}",
                expected=", ".join(known),
                remedy="correct the arguments",
            )
        return complete
