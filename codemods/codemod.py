"""What a codemod is: a pure function from source text to source text, and what is known about it.

``transform(text, **arguments)`` returns the new text or raises `Refusal`. It is idempotent, keeps
every line that it does not edit, and keeps the order and line width of the file. It sees plain text: line
feeds, no byte order mark, four spaces per level in Python; `Codemod.run` applies the changes to the file in the
file's own style.
Its examples are in the same file: they are its tests and its documentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codemods.refusal import Refusal
from codemods.text.as_written import edited
from codemods.text.tree_style import DEFAULTS, Style
from codemods.text.unmerged import check_merged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Parameter:
    """One argument of a codemod or a recipe; all are strings. ``default`` None means that it is required.

    ``default`` may name required arguments in braces: ``{tutorial}``. ``is_file_text``: the argument
    is the text of a file (a command line takes the file's path). ``is_tree``: the argument is the
    path of a source tree that is read.
    """

    name: str
    meaning: str
    default: str | None = None
    is_file_text: bool = False
    is_tree: bool = False


@dataclass(frozen=True)
class Example:
    """With these arguments ``before`` becomes ``after``, and ``after`` stays unchanged."""

    arguments: Mapping[str, str]
    before: str
    after: str


@dataclass(frozen=True)
class RefusedExample:
    """With these arguments ``before`` is refused, with a message that contains ``because``."""

    arguments: Mapping[str, str]
    before: str
    because: str


@dataclass(frozen=True)
class Codemod:
    """A named edit of one file of a source tree.

    ``tree`` is ``vllm`` or ``vllm-ascend``; ``targets`` are the possible paths of the file in it,
    newest layout first, with ``{parameter}`` for parts that an argument determines. ``upstream`` is the file or
    page of the upstream project whose rule the codemod follows. A codemod that ``creates`` its file receives the
    empty text if there is none yet; if the file ``is_whole``, all of it follows from the arguments, so
    it can be generated again and merged with a person's edits, unless ``is_newer`` denies that the new text takes
    the place of the earlier one: another patch in its file, fewer definitions. One that ``removes`` its file only
    checks it: its transform refuses if the file must stay. A codemod that ``is_styled`` receives the tree's `Style` as
    ``style``, because it writes lines that may have to be broken.
    """

    name: str
    summary: str
    upstream: str
    tree: str
    targets: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    transform: Callable[..., str]
    examples: tuple[Example | RefusedExample, ...]
    creates: bool = False
    removes: bool = False
    is_styled: bool = False
    is_whole: bool = False
    is_newer: Callable[[str, str], bool] = lambda earlier, now: True

    def run(self, text: str, arguments: Mapping[str, str], style: Style | None = None) -> str:
        """Check the arguments against the parameters and transform the text.

        The transform sees plain text; the file keeps its own style (`codemods.text.as_written`).
        ``style`` is the tree's; None stands for a tree without such settings. Raises
        `Refusal` for missing and unknown arguments and for what the transform refuses.
        """
        given: dict[str, Any] = dict(self.complete(arguments))
        if self.is_styled:
            given["style"] = style or DEFAULTS[self.tree]
        if not self.creates:
            check_merged(text, self.targets[0])
        return edited(text, lambda plain: self.transform(plain, **given), is_python=self.edits_python)

    @property
    def edits_python(self) -> bool:
        """Whether all of its targets are Python files."""
        return all(target.endswith(".py") for target in self.targets)

    @property
    def edits_alone(self) -> bool:
        """Whether its file exists before and after the edit, as libcst's tool and pre-commit's hooks require."""
        return not (self.creates or self.removes)

    def complete(self, arguments: Mapping[str, str]) -> dict[str, str]:
        """Fill in defaults. Raises `Refusal` for missing and unknown arguments."""
        return completed(self.name, self.parameters, arguments)


def libcst_name(name: str) -> str:
    """Return the name of a codemod's class for libcst's own tool, such as VllmRegistryEntry."""
    return name.title().replace("-", "")


def completed(name: str, parameters: tuple[Parameter, ...], arguments: Mapping[str, str]) -> dict[str, str]:
    """Return the arguments of a codemod or recipe with the defaults of those that are not given.

    Raises `Refusal` for missing and unknown arguments.
    """
    known = [parameter.name for parameter in parameters]
    unknown = sorted(set(arguments) - set(known))
    missing = [p.name for p in parameters if p.default is None and p.name not in arguments]
    if unknown or missing:
        raise Refusal(
            "; ".join(
                f"{what} {', '.join(names)}" for what, names in (("unknown:", unknown), ("missing:", missing)) if names
            ),
            where=f"arguments of {name}",
            expected=", ".join(known),
            remedy="correct the arguments",
        )
    defaults = {p.name: p.default.format_map(arguments) for p in parameters if p.default is not None}
    return {**defaults, **arguments}
