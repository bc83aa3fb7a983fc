"""Documents on the disk: written anew where this tool wrote them, and never over what somebody else did."""

from __future__ import annotations

from pathlib import Path

from scaffold.common.errors import UsageError

MARK = "<!-- vllm-ascend-scaffold report -->"
"""The last line of a document, by which the next one knows it; Markdown shows nothing of it."""
GENERATOR = '<meta name="generator" content="vllm-ascend-scaffold'
"""What a page has in its head."""


def write_documents(folder: Path, texts: dict[str, str]) -> None:
    """Write documents by their names, all or none.

    Raises:
        UsageError: a file of such a name is not this tool's, or the folder cannot be written to.
    """
    for name in texts:
        _check_ours(folder / name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            marked = text if GENERATOR in text else f"{text.rstrip()}\n\n{MARK}\n"
            (folder / name).write_text(marked, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{error.strerror or error}",
            where=str(error.filename or folder),
            expected="a folder that can be written to",
            remedy="name another --output",
        ) from error


def _check_ours(path: Path) -> None:
    try:
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else MARK
    except OSError:
        return  # whoever writes says what is wrong with it
    if MARK not in text and GENERATOR not in text:
        raise UsageError(
            "another file is there",
            where=str(path),
            expected="no file, or one that scaffold report wrote",
            remedy="name another --output, or move that file; nothing was written",
        )
