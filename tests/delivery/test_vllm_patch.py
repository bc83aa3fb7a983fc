"""A patch file of what is in vLLM's tree: git applies it, or it is not written."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.common.errors import CheckFailed
from scaffold.delivery import vllm_patch as module
from scaffold.delivery.vllm_patch import vllm_patch
from tests.drawn import examples

LINES = st.sampled_from(["x = 1\n", "    y\n", "\n", "--- a\n", "+b\r\n", "ä\x0c\n", "no end"])
TEXTS = st.lists(LINES, max_size=6).map("".join)


@examples(15)
@given(before=TEXTS, after=TEXTS.filter(bool), new=TEXTS.filter(bool))
def test_git_makes_of_the_files_before_what_they_are_now(before: str, after: str, new: str) -> None:
    path, text = vllm_patch("nova", "Nova", "0.32.0", {"vllm/a b.py": (before, after), "vllm/new.py": (None, new)})
    assert path.as_posix() == "patches/vllm-0.32.0-nova.patch"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "vllm").mkdir()
        (root / "vllm/a b.py").write_bytes(before.encode())
        subprocess.run(["git", "apply", "-"], cwd=root, input=text.encode(), check=True, capture_output=True)
        assert (root / "vllm/a b.py").read_bytes() == after.encode()
        assert (root / "vllm/new.py").read_bytes() == new.encode()


@pytest.mark.parametrize("wrong", ["", "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-z\n+y\n"])
def test_one_that_does_not_apply_is_not_written(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setattr(module, "unified_diff", lambda *_: wrong)
    with pytest.raises(CheckFailed, match="a patch that does not apply"):
        vllm_patch("nova", "Nova", "0.32.0", {"a.py": ("x\n", "y\n")})
