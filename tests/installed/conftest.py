"""Wheel and sdist, each installed by pip into a clean environment in a folder with blanks and Chinese characters."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.installed.person import Answer, as_person, give, python_for_all
from tests.lab.commands import git_commit_all, run
from tests.lab.workplace import IDENTITY
from tests.models.build import write_checkpoint

TOP = Path(__file__).parents[2]
KINDS = {"wheel": "*.whl", "sdist": "*.tar.gz"}
NEIGHBOUR = "validators"


@dataclass(frozen=True)
class Installation:
    """The installed tool, and the folder of a person who uses it."""

    environment: Path
    folder: Path
    home: dict[str, str]

    @property
    def vllm(self) -> Path:
        """Return the person's vLLM tree."""
        return self.folder / "vllm"

    @property
    def ascend(self) -> Path:
        """Return the person's vllm-ascend repo."""
        return self.folder / "vllm-ascend"

    @property
    def checkpoint(self) -> Path:
        """Return the checkpoint of the made-up model."""
        return self.folder / "nova"

    def python(self, code: str) -> Answer:
        """Run code in the environment."""
        return as_person(self.environment / "bin/python", "-c", code, cwd=self.folder, env=self.home)

    def scaffold(self, *words: str | Path) -> Answer:
        """Run the installed command with ``--json``, from the person's folder."""
        command = self.environment / "bin/scaffold"
        return as_person(command, *words, "--json", cwd=self.folder, env=self.home)


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of wheel and sdist, built from this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder, cwd=TOP)
    return folder


@pytest.fixture(scope="session")
def long_name() -> Iterator[Path]:
    """A folder that everybody can enter, whose name has blanks and Chinese characters."""
    with tempfile.TemporaryDirectory(prefix="我的 模型 scaffold ") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def person(long_name: Path, vllm_source: Path, ascend_source: Path) -> Path:
    """What a person has: trees, a checkpoint, and a home that cannot be written to."""
    folder = long_name / "工作 desk"
    shutil.copytree(vllm_source, folder / "vllm", ignore=_all_but_python)
    for part in ("docs/source/tutorials/models/index.md", "tests/e2e/models/configs", "vllm_ascend"):
        source, target = ascend_source / part, folder / "vllm-ascend" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    git_commit_all(folder / "vllm-ascend", "vllm-ascend")
    for key, value in IDENTITY.items():
        run("git", "config", key, value, cwd=folder / "vllm-ascend")
    write_checkpoint(folder / "nova")
    (folder / "home").mkdir()
    give(folder)
    (folder / "home").chmod(0o555)
    return folder


def _all_but_python(folder: str, names: list[str]) -> list[str]:
    kept = (".py", "pyproject.toml")
    return [name for name in names if not name.endswith(kept) and not Path(folder, name).is_dir()]


@pytest.fixture(scope="session")
def environments(long_name: Path, distributions: Path) -> dict[str, Path]:
    """Kind of distribution → a new environment in which pip installed it, and PyPI's `validators` beside it.

    The two are installed in either order: one of them would overwrite the other if they shared a name.
    """
    (wheel,), (sdist,) = (distributions.glob(pattern) for pattern in KINDS.values())
    orders = {"wheel": (wheel, NEIGHBOUR), "sdist": (NEIGHBOUR, sdist)}
    made = {kind: long_name / f"环境 {kind}" for kind in KINDS}
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(_install, made[kind], orders[kind]) for kind in KINDS]:
            done.result()
    return made


def _install(environment: Path, packages: tuple[str | Path, ...]) -> None:
    run(python_for_all(), "-m", "venv", "--without-pip", environment)
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python")
    for package in packages:
        run(*pip, environment / "bin" / "python", "install", package)


CASES = (("wheel", "a read-only home"), ("wheel", "no HOME"), ("sdist", "a read-only home"))


@pytest.fixture(params=CASES, ids=" and ".join)
def installation(request: pytest.FixtureRequest, environments: dict[str, Path], person: Path) -> Installation:
    """The tool as an ordinary user has it."""
    kind, home = request.param
    return Installation(environments[kind], person, {} if home == "no HOME" else {"HOME": str(person / "home")})
