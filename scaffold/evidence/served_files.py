"""What runs in a server beside the Python of vLLM's package: libraries, hooks of Python, and vllm-ascend's own code.

What a commit brings from vLLM's tree to vllm-ascend is the same code once more, and is left out: evidence for a second
model holds after the commit of the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from scaffold.delivery.own_lines import Edit, without_own
from scaffold.evidence.plan_record import PlanRecord

PACKAGE = Path("vllm_ascend")
HOOKS = ("sitecustomize.py", "usercustomize.py")
"""What Python imports by itself, from wherever its path leads (Python: ``Lib/site.py``)."""
LIBRARIES = ("*.so", "*.pyd", "*.pth")


def libraries(root: Path, package: str) -> Iterator[tuple[str, bytes]]:
    """Yield path and state of what is no Python of a package, and runs with it.

    A library is known by its size and the time of its last change: one of vLLM's has hundreds of megabytes.
    """
    for path in sorted(path for pattern in LIBRARIES for path in (root / package).rglob(pattern)):
        state = path.stat()
        yield path.relative_to(root).as_posix(), f"{state.st_size} {state.st_mtime_ns}".encode()
    for name in HOOKS:
        if (root / name).is_file():
            yield name, (root / name).read_bytes()


def own_code(delivery: Path, plans: Sequence[PlanRecord]) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of vllm-ascend's Python, without what commits of these plans carried over.

    Args:
        delivery: the repo.
        plans: all that have it as theirs.
    """
    carried = {file: [plan for plan in plans if file in plan.carried] for plan in plans for file in plan.carried}
    for path in sorted((delivery / PACKAGE).rglob("*.py")):
        file, content = path.relative_to(delivery).as_posix(), path.read_bytes()
        if file in carried:
            runs = [[edit for edit in plan.edits if _is_of(edit, file)] for plan in carried[file]]
            if not any(runs):
                continue  # a file that a commit made
            content = without_own([edits for edits in runs if edits], content.decode()).encode()
        yield file, content


def digest_of(parts: Iterable[tuple[str, bytes]]) -> str:
    """Return the SHA-256 of paths and contents."""
    digest = hashlib.sha256()
    for path, content in parts:
        digest.update(path.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()


def _is_of(edit: Edit, file: str) -> bool:
    return edit.root == "delivery" and edit.path == file
