"""A patch's entry in the log, the comment block of ``vllm_ascend/patch/__init__.py``.

The log has a section for platform and one for worker patches. An entry names the file, what it
patches, why and how, the related pull request, and the plan for removing it.
"""

from __future__ import annotations

import textwrap

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.refusal import Refusal
from codemods.text.lines import insert_lines, split_lines
from codemods.text.names import dotted_name, one_line, one_of
from codemods.text.sorted_place import sorted_place
from codemods.text.tree_style import Style
from codemods.vllm_ascend.log_entries import WHERE, Entry, entries_of, opens, section
from codemods.vllm_ascend.patch_names import KINDS, patch_file

WIDTH = 100
"""The widest line of the log that is common, if the tree's line length allows it."""

_NARROWER = 30
"""How much narrower a text may get, so that none of its lines begins as an item of the log does."""
_IS_SORTED = "alphabetical order"


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
    alphabetical order. Its number is the next after the entry above it, or after the highest of the
    section if that is taken; in a section without numbers it has none. A file that has an entry,
    in either section, gets a further item in that one. Raises `Refusal` if the log has no such section.
    """
    file = patch_file(module, one_of(kind, KINDS, "kind"))
    dotted_name(target, "target")
    lines = split_lines(text)
    found = section(lines, kind)
    width = min(WIDTH, style.line_length)
    parts = {
        "Why": why,
        _how(lines): how,
        "Related PR (if no, explain why)": related_pr,
        "Future Plan": future_plan,
    }
    said = [line for part in parts.items() for line in _part(*part, width)]
    logged = entries_of(lines, file)
    if any(entry.has_target(target) for entry in logged):
        return text
    if logged:
        entry = logged[-1]
        number = max((item.number for item in entry.items), default=0) + 1
        return insert_lines(lines, _end(lines, entry), [f"#   {number}. `{target}`", *said])
    entries = found.entries
    heading = "".join(lines[found.start : entries[0].start if entries else found.end])
    files = [entry.files[0] if entry.files else "" for entry in entries]
    place = sorted_place(files, file) if _IS_SORTED in heading else len(files)
    new = [f"# ** {_number(entries, place)}File: {file}**", _underline(lines, entries)]
    new += [f"#   1. `{target}`", *said]
    above = entries[place - 1].end if place else (entries[0].start if entries else found.end)
    is_separated = above == 0 or lines[above - 1].strip() in ("#", "")
    return insert_lines(lines, above, [*new, "#"] if is_separated else ["#", *new])


def _end(lines: list[str], entry: Entry) -> int:
    """Return the line after an entry's last one that says something."""
    said = (i for i in range(entry.end - 1, entry.start, -1) if lines[i].strip("# \t\r\n"))
    return next(said, entry.end - 1) + 1


def _number(entries: tuple[Entry, ...], place: int) -> str:
    """Return the number with its dot and blank, or nothing where most entries have none."""
    numbers = [entry.number for entry in entries if entry.number is not None]
    if 2 * len(numbers) < len(entries):
        return ""
    above = next((entry.number for entry in reversed(entries[:place]) if entry.number is not None), 0)
    return f"{above + 1 if above + 1 not in numbers else max(numbers) + 1}. "


def _how(lines: list[str]) -> str:
    """Return the word with the colon that the log mostly uses: it may be the full-width one."""
    counts = {colon: sum(f"How{colon}" in line for line in lines) for colon in (":", "：")}
    return "How：" if counts["："] > counts[":"] else "How"


def _underline(lines: list[str], entries: tuple[Entry, ...]) -> str:
    under = (lines[entry.start + 1].rstrip() for entry in reversed(entries) if entry.start + 1 < entry.end)
    return next((line for line in under if line.startswith("# ~")), "# " + "~" * 53)


def _part(heading: str, value: str, width: int) -> list[str]:
    label = heading if heading.endswith("：") else f"{heading}:"
    wrapped = (_wrapped(one_line(value, heading), narrower) for narrower in range(width, width - _NARROWER, -1))
    paragraph = next((lines for lines in wrapped if not any(map(opens, lines))), None)
    if paragraph is None:
        raise Refusal(
            f"{value!r} would be read as the start of an entry or an item of the log",
            where=heading,
            expected="words that do not start with a number and are not a heading",
            remedy="word it differently",
        )
    return [f"#    {label}", *paragraph]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent="#       ",
        subsequent_indent="#       ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _entry_text(number: int, file: str, target: str) -> str:
    return f"# ** {number}. File: {file}**\n# ~~~~~\n{_item(1, target)}"


def _item(number: int, target: str) -> str:
    return (
        f"#   {number}. `{target}`\n"
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
_UNNUMBERED_LOG = (
    "# * Worker Patch:\n# ===\n# ** Files: worker/patch_oak.py, worker/patch_elm.py **\n# ~~~~~\n"
    "#   1. `Oak.grow`,\n#      `trees.Elm.grow`\n#    Why:\n#       Slow.\n#    How：\n#       Fast.\n"
)

CODEMOD = Codemod(
    name="ascend-patch-log",
    summary="describe a patch in vllm-ascend's patch log",
    upstream="https://github.com/vllm-project/vllm-ascend/blob/main/vllm_ascend/patch/__init__.py",
    tree="vllm-ascend",
    targets=(WHERE,),
    parameters=(
        Parameter("module", "the patch module's name, such as patch_cedar or patch_v2.patch_cedar"),
        Parameter("target", "what is patched, as a dotted name"),
        Parameter("why", "what is wrong on Ascend without the patch, one line"),
        Parameter("how", "what the patch does, one line"),
        Parameter("related_pr", "a link, or the reason why there is none"),
        Parameter("future_plan", "when the patch can be removed, one line"),
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
        Example(  # a file that is logged for another target
            {**_CEDAR, "module": "patch_aspen"},
            _SORTED_LOG,
            _SORTED_LOG.replace(_ASPEN, _ASPEN + _item(2, "trees.Cedar.grow")),
        ),
        Example(  # files under a sub-package, a list of files, no numbers, and blanks before the `**`
            {**_CEDAR, "module": "patch_v2.patch_cedar"},
            _UNNUMBERED_LOG,
            _UNNUMBERED_LOG
            + "#\n"
            + _entry_text(0, "worker/patch_v2/patch_cedar.py", "trees.Cedar.grow").replace("0. ", "", 1),
        ),
        Example({**_CEDAR, "module": "patch_oak", "target": "trees.Oak.grow"}, _UNNUMBERED_LOG, _UNNUMBERED_LOG),
        RefusedExample(_CEDAR, "# Licence\n", "no section for worker patches"),
        RefusedExample({**_CEDAR, "why": "Because.\nimport os"}, _SORTED_LOG, "one line"),
        RefusedExample({**_CEDAR, "how": "1. Call another one."}, _SORTED_LOG, "start of an entry"),
        RefusedExample({**_CEDAR, "why": "** File: worker/patch_x.py **"}, _SORTED_LOG, "start of an entry"),
        RefusedExample({**_CEDAR, "target": "trees/Cedar"}, _SORTED_LOG, "joined by dots"),
    ),
    is_styled=True,
)
