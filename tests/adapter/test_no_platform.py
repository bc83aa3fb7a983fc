"""What is delivered says what a model is, and nothing of the device on which it was proved."""

from __future__ import annotations

import re
from pathlib import Path

from tests.rows import each

TOP = Path(__file__).parents[2]
WORDS = r"platform|is_cpu|is_cuda|is_npu|forward_native|_forward_method|\bcuda\b|\bnpu\b|\bcpu\b"
NAMED = re.compile(WORDS, re.IGNORECASE)
FOLDERS = (
    *("cookiecutter-model/templates/adapter", "cookiecutter-model/{{cookiecutter.model_name}}/vllm"),
    *("cookiecutter-plugin", "scaffold/mixers", "scaffold/feed_forwards", "scaffold/idioms", "scaffold/adapter"),
)
FILES = [path for folder in FOLDERS for path in sorted((TOP / folder).rglob("*")) if path.suffix in (".py", ".jinja")]


def named_in(text: str) -> list[str]:
    """Return the words of a text that name a platform or how one of its kernels is got around."""
    return NAMED.findall(text)


@each("path", FILES, ids=lambda path: path.relative_to(TOP).as_posix())
def test_what_adapters_are_written_from_names_no_platform(path: Path) -> None:
    assert named_in(path.read_text(encoding="utf-8")) == []
