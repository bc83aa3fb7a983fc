"""One file's unified diff, in the form that ``git apply`` and ``patch -p1`` take."""

from __future__ import annotations

import difflib

# git quotes a name that holds one of these, and so does whoever wants git to read it.
_QUOTED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}


def unified_diff(name: str, before: bytes | None, after: bytes | None) -> str:
    """Make the diff of one file; None stands for a file that does not exist (``/dev/null``).

    Bytes that are not UTF-8 are shown escaped: source trees hold text, and what is not
    text is never edited.
    """
    old, new = _quoted(f"a/{name}"), _quoted(f"b/{name}")
    header = f"diff --git {old} {new}\n"
    if before is None:
        old, header = "/dev/null", header + "new file mode 100644\n"
    if after is None:
        new, header = "/dev/null", header + "deleted file mode 100644\n"
    # patch ends a name at a blank, unless a tab ends it: git writes that tab too.
    old, new = (f"{side}\t" if " " in side else side for side in (old, new))
    hunks = difflib.unified_diff(_lines(before), _lines(after), old, new, n=3)
    return header + "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in hunks
    )


def _lines(content: bytes | None) -> list[str]:
    """Split at line feeds only: `str.splitlines` also splits at form feeds and the like."""
    text = (content or b"").decode(errors="backslashreplace")
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _quoted(name: str) -> str:
    if not any(character in _QUOTED for character in name):
        return name
    return '"' + "".join(_QUOTED.get(character, character) for character in name) + '"'
