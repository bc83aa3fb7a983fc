"""Fixtures: made-up checkpoints for fast tests; real engine, trees and checkpoints for the others."""

from __future__ import annotations

import atexit
import gc
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy comes: matrices are small, and tests share the cores
from scaffold.roots.vllm_tree import CONFIG_CLASSES, CONFIGS, MODELS, PROCESSORS, REGISTRY
from tests.copies import copy_file, copy_tree
from tests.drawn import draw_nothing, load_profile
from tests.models.build import write_checkpoint

load_profile()
gc.set_threshold(500_000, 50, 50)
"""Garbage is looked for rarely: modules, tests and trees are large, and stay."""

IN_MEMORY = "/dev/shm"


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Spread the fast tests over the cores, with one more worker than these: some tests wait for a process or a limit.

    Engine tests follow each other unless they are asked to be given out (``-n 2``, as ``make test`` does).
    """
    return (os.cpu_count() or 1) + 1 if "not engine" in config.option.markexpr else 0


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Keep the files of fast tests in memory where there is room: they make 40,000, and journals wait for the disk.

    A worker that has told all ends at once: to take its gigabyte of trees apart takes more than a second.
    """
    if hasattr(config, "workerinput"):
        atexit.register(os._exit, 0)
    if "not engine" in config.option.markexpr and os.access(IN_MEMORY, os.W_OK):
        room = os.statvfs(IN_MEMORY)
        if room.f_bavail * room.f_frsize > 4 << 30:
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", IN_MEMORY)
            os.environ.setdefault("TMPDIR", IN_MEMORY)  # of the tool itself, which renders into a folder of its own


def pytest_collection() -> None:
    """Draw once before there are many objects."""
    draw_nothing()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Leave out what stays anyway where garbage is looked for, as pytest does at the end for what no test closed.

    (Hypothesis has to have drawn before: it looks there for who holds its random.)
    """
    gc.freeze()


@pytest.fixture
def nova(tmp_path: Path) -> Path:
    """A checkpoint of the made-up model."""
    return write_checkpoint(tmp_path / "nova")


@pytest.fixture(scope="session")
def vllm_source() -> Iterator[Path]:
    """The real vLLM source tree, untouched: a test that writes through a link into it is found out at the end."""
    from tests.lab.engine import engine

    tree = engine().pristine
    before = _newest(tree)
    yield tree
    assert _newest(tree) == before, "a test wrote into the tree that all share"


def _newest(tree: Path) -> tuple[int, str]:
    """Return when a source file of a tree was written last, and which one."""
    return max((path.stat().st_mtime_ns, str(path)) for path in tree.rglob("*.py"))


@pytest.fixture(scope="session")
def transformers_source() -> Path:
    """The real transformers package, to be read."""
    from tests.lab.engine import engine

    return engine().transformers


@pytest.fixture(scope="session")
def ascend_source() -> Path:
    """The real vllm-ascend source tree, untouched."""
    from tests.lab.trees import ascend_source as fetch

    return fetch()


@pytest.fixture
def registry_tree(vllm_source: Path, tmp_path: Path) -> Path:
    """A tree with vLLM's real registry and settings that may be edited; what adapters import are links."""
    root = tmp_path / "vllm-root"
    for folder in (Path("vllm"), MODELS.parent, MODELS, CONFIG_CLASSES):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / PROCESSORS).mkdir()
    edited = (REGISTRY, CONFIGS, CONFIG_CLASSES / "__init__.py")
    for path in (*edited, MODELS / "__init__.py", Path("vllm/__init__.py"), Path("pyproject.toml")):
        copy_file(vllm_source / path, root / path)
    linked = [vllm_source / MODELS / name for name in ("utils.py", "interfaces.py")]
    for folder in (Path("vllm"), MODELS.parent):
        linked += (vllm_source / folder).iterdir()
    for path in linked:
        with suppress(FileExistsError):  # what was copied, or made as a folder
            (root / path.relative_to(vllm_source)).symlink_to(path)
    return root


@pytest.fixture(scope="session")
def _delivery_template(ascend_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parts of vllm-ascend's real tree that a delivery touches, under git."""
    from tests.lab.commands import git_commit_all, run

    root = tmp_path_factory.mktemp("ascend") / "vllm-ascend"
    for part in ("docs/source/tutorials/models/index.md", "tests/e2e/models/configs", "vllm_ascend/patch"):
        source, target = ascend_source / part, root / part
        target.parent.mkdir(parents=True, exist_ok=True)
        (copy_tree if source.is_dir() else copy_file)(source, target)
    git_commit_all(root, "vllm-ascend")
    run("git", "config", "user.name", "Test Engineer", cwd=root)
    run("git", "config", "user.email", "test@example.com", cwd=root)
    run("git", "repack", "-adq", cwd=root)  # it is copied for each test: few files
    run("git", "prune-packed", "-q", cwd=root)
    return root


@pytest.fixture
def delivery_repo(_delivery_template: Path, tmp_path: Path) -> Path:
    """A delivery repo of its own."""
    return copy_tree(_delivery_template, tmp_path / "vllm-ascend")
