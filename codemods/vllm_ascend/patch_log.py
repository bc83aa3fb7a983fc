"""A patch's entry in the log that the comment block of ``vllm_ascend/patch/__init__.py`` keeps.

The log has a section for platform and one for worker patches. An entry names the file, what it
patches, and why, how, the related pull request and the plan to get rid of it.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.refusal import Refusal
from codemods.text.lines import insert_lines, split_lines
from codemods.text.names import dotted_name, identifier, one_line, one_of
from codemods.text.sorted_place import sorted_place
from codemods.text.tree_style import Style

KINDS = ("worker", "platform")
WHERE = "vllm_ascend/patch/__init__.py"
WIDTH = 100
"""The widest line of the log that is common, if the tree's line length allows it."""

_SECTION = re.compile(r"# \* (?P<kind>\w+) Patch:\s*")
_ENTRY = re.compile(r"# \*\* (?P<number>\d+)\w*\. File: (?P<file>\S+?)(?:\*\*)?\s*")
_IS_SORTED = "alphabetical order"


@dataclass(frozen=True)
class _Entry:
    """An entry's file and number, and its lines: from ``start`` up to ``end``."""

    file: str
    number: int
    start: int
    end: int


def patch_log(
    text: str,
    *,
    module: str,
    target: str,
    why: str,
    how: str,
    related_pr: str,
    future_plan: str,
    kind: str = "worker",
    style: Style,
) -> str:
    """Log that ``worker/module.py`` patches ``target``.

    The entry goes last in its section, or to its place where the section says that it is in
    alphabetical order. Its number is the next after the entry above it, or after the
    highest of the section if that is taken. Raises `Refusal` if the log has no such section or
    lists the file already with other targets.
    """
    file = f"{one_of(kind, KINDS, 'kind')}/{identifier(module, 'module')}.py"
    dotted_name(target, "target")
    lines = split_lines(text)
    start, end = _section(lines, kind)
    entries = _entries(lines, start, end)
    for entry in entries:
        if entry.file == file:
            if f"`{target}`" in "".join(lines[entry.start : entry.end]):
                return text
            raise Refusal(
                f"{file} is logged already, for other targets than {target}",
                where=f"{WHERE} line {entry.start + 1}",
                expected="one entry per patch file",
                remedy="add the target to that entry by hand, or name the patch file differently",
            )
    heading = "".join(lines[start : entries[0].start if entries else end])
    files = [entry.file for entry in entries]
    place = sorted_place(files, file) if _IS_SORTED in heading else len(files)
    number = _number([entry.number for entry in entries], place)
    width = min(WIDTH, style.line_length)
    parts = {
        "Why": why,
        _how(lines): how,
        "Related PR (if no, explain why)": related_pr,
        "Future Plan": future_plan,
    }
    new = [f"# ** {number}. File: {file}**", _underline(lines, entries)]
    new += [f"#   1. `{target}`", *(line for part in parts.items() for line in _part(*part, width))]
    above = entries[place - 1].end if place else (entries[0].start if entries else end)
    is_separated = above == 0 or lines[above - 1].strip() in ("#", "")
    return insert_lines(lines, above, [*new, "#"] if is_separated else ["#", *new])


def _section(lines: list[str], kind: str) -> tuple[int, int]:
    """Return a section's lines: from its heading up to the next heading or the block's end."""
    headings = [(i, match) for i, line in enumerate(lines) if (match := _SECTION.fullmatch(line))]
    for start, match in headings:
        if match["kind"].lower() == kind:
            after = range(start + 1, len(lines))
            is_end = (i for i in after if _SECTION.match(lines[i]) or lines[i][:1] != "#")
            return start, next(is_end, len(lines))
    raise Refusal(
        f"there is no section for {kind} patches",
        where=WHERE,
        expected=f"a comment line `# * {kind.capitalize()} Patch:`",
        remedy="check that this is a vllm-ascend tree",
    )


def _entries(lines: list[str], start: int, end: int) -> list[_Entry]:
    found = [(i, match) for i in range(start, end) if (match := _ENTRY.fullmatch(lines[i]))]
    ends = [*(i for i, _ in found[1:]), end]  # of an empty section's end there is no entry
    return [_Entry(match["file"], int(match["number"]), i, after) for (i, match), after in zip(found, ends)]


def _number(numbers: list[int], place: int) -> int:
    next_number = numbers[place - 1] + 1 if place else 1
    return next_number if next_number not in numbers else max(numbers) + 1


def _how(lines: list[str]) -> str:
    """Return the word with the colon that the log mostly uses: it may be the full-width one."""
    counts = {colon: sum(f"How{colon}" in line for line in lines) for colon in (":", "：")}
    return "How：" if counts["："] > counts[":"] else "How"


def _underline(lines: list[str], entries: list[_Entry]) -> str:
    return lines[entries[-1].start + 1].rstrip() if entries else "# " + "~" * 53


def _part(heading: str, value: str, width: int) -> list[str]:
    label = heading if heading.endswith("：") else f"{heading}:"
    paragraph = textwrap.wrap(
        one_line(value, heading),
        width,
        initial_indent="#       ",
        subsequent_indent="#       ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [f"#    {label}", *paragraph]


def _entry_text(number: int, file: str, target: str) -> str:
    return (
        f"# ** {number}. File: {file}**\n# ~~~~~\n#   1. `{target}`\n"
        "#    Why:\n#       The kernel is slow.\n#    How：\n#       Call another one.\n"
        "#    Related PR (if no, explain why):\n#       No, it is specific to the device.\n"
        "#    Future Plan:\n#       Remove it when the kernel is fast.\n"
    )


_HEAD = "# Licence\n\n# * Platform Patch:\n# ===\n"
_BIRCH = _entry_text(1, "platform/patch_birch.py", "trees.Birch.grow")
_WORKER = "# * Worker Patch:\n# ===\n"
_SORTED = "# Entries are listed in alphabetical order by file name.\n#\n"
_ASPEN = _entry_text(1, "worker/patch_aspen.py", "trees.Aspen.grow")
_WILLOW = _entry_text(4, "worker/patch_willow.py", "trees.Willow.grow")
_CEDAR = {
    "module": "patch_cedar",
    "target": "trees.Cedar.grow",
    "why": "The kernel is slow.",
    "how": "Call another one.",
    "related_pr": "No, it is specific to the device.",
    "future_plan": "Remove it when the kernel is fast.",
}
_UNSORTED_LOG = f"{_HEAD}{_BIRCH}#\n{_WORKER}{_ASPEN}#\n{_WILLOW}"
_SORTED_LOG = f"{_HEAD}{_BIRCH}#\n{_WORKER}{_SORTED}{_ASPEN}#\n{_WILLOW}#\n"

CODEMOD = Codemod(
    name="ascend-patch-log",
    summary="describe a patch in vllm-ascend's patch log",
    upstream="https://github.com/vllm-project/vllm-ascend/blob/main/vllm_ascend/patch/__init__.py",
    tree="vllm-ascend",
    targets=(WHERE,),
    parameters=(
        Parameter("module", "the patch module's name, such as patch_cedar"),
        Parameter("target", "what is patched, as a dotted name"),
        Parameter("why", "what is wrong on Ascend without the patch, one line"),
        Parameter("how", "what the patch does, one line"),
        Parameter("related_pr", "a link, or the reason why there is none"),
        Parameter("future_plan", "when the patch can go, one line"),
        Parameter("kind", "worker or platform", "worker"),
    ),
    transform=patch_log,
    examples=(
        Example(
            _CEDAR,
            _UNSORTED_LOG,
            f"{_UNSORTED_LOG}#\n{_entry_text(5, 'worker/patch_cedar.py', 'trees.Cedar.grow')}",
        ),
        Example(
            {**_CEDAR, "kind": "platform"},
            _UNSORTED_LOG,
            f"{_HEAD}{_BIRCH}#\n"
            f"{_entry_text(2, 'platform/patch_cedar.py', 'trees.Cedar.grow')}#\n"
            f"{_WORKER}{_ASPEN}#\n{_WILLOW}",
        ),
        Example(
            _CEDAR,
            _SORTED_LOG,
            f"{_HEAD}{_BIRCH}#\n{_WORKER}{_SORTED}{_ASPEN}#\n"
            f"{_entry_text(2, 'worker/patch_cedar.py', 'trees.Cedar.grow')}#\n{_WILLOW}#\n",
        ),
        Example(
            {**_CEDAR, "module": "patch_willow", "target": "trees.Willow.grow"},
            _SORTED_LOG,
            _SORTED_LOG,
        ),
        RefusedExample({**_CEDAR, "module": "patch_aspen"}, _SORTED_LOG, "logged already"),
        RefusedExample(_CEDAR, "# Licence\n", "no section for worker patches"),
        RefusedExample({**_CEDAR, "why": "Because.\nimport os"}, _SORTED_LOG, "one line"),
        RefusedExample({**_CEDAR, "target": "trees/Cedar"}, _SORTED_LOG, "joined by dots"),
    ),
    is_styled=True,
)
