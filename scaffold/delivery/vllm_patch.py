"""What a plan changed in vLLM's tree, as a patch file of the delivery repo that applies to that vLLM."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from codemods.changes.unified_diff import unified_diff
from scaffold.common.errors import CheckFailed

PATCHES = Path("patches")

NOTE = """\
{name} ({architecture}) as a change of vLLM {version}.

This vllm-ascend has no models of its own, so what serves this one belongs in vLLM's tree.
In the root of that tree:

    git apply {path}

"""


def patch_path(name: str, version: str) -> Path:
    """Return where the patch file of a model goes, relative to the delivery repo."""
    return PATCHES / f"vllm-{version}-{name}.patch"


def vllm_patch(
    name: str, architecture: str, version: str, files: Mapping[str, tuple[str | None, str]]
) -> tuple[Path, str]:
    """Return the path and the text of a patch file, once git has applied it to what it is for.

    Args:
        name: the model's.
        architecture: the checkpoint's.
        version: of the vLLM that it is for.
        files: path below vLLM's tree → text before any plan, None if there was no such file, and text after this one.

    Raises:
        CheckFailed: git does not apply it.
    """
    path = patch_path(name, version)
    changed = {file: texts for file, texts in sorted(files.items()) if texts[0] != texts[1]}
    parts = [unified_diff(file, _bytes(before), after.encode()) for file, (before, after) in changed.items()]
    text = NOTE.format(name=name, architecture=architecture, version=version, path=path.name) + "".join(parts)
    _check_applies(text, changed, path)
    return path, text


def _check_applies(text: str, files: Mapping[str, tuple[str | None, str]], path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="scaffold-patch-") as folder:
        root = Path(folder)
        for file, (before, _) in files.items():
            if before is not None:
                (root / file).parent.mkdir(parents=True, exist_ok=True)
                (root / file).write_bytes(before.encode())
        command = ["git", "apply", "--whitespace=nowarn", "-"]
        done = subprocess.run(command, cwd=root, input=text.encode(), capture_output=True, check=False)
        wrong = [f for f, (_, after) in files.items() if not _is(root / f, after)]
        if done.returncode or wrong:
            raise CheckFailed(
                f"a patch that does not apply: {done.stderr.decode().strip()[:400] or ', '.join(wrong)}",
                where=path.as_posix(),
                expected="a patch that makes of vLLM's tree what was served",
                remedy="this is a fault of scaffold: report it with the files that it names",
            )


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
