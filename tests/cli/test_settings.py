"""Settings files: what is set there is read, and what nothing reads is an error rather than silence."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

import scaffold.cli as package
from scaffold.cli.main import scaffold
from scaffold.cli.roots import Settings
from scaffold.cli.serving import serve_settings, twin_workers
from scaffold.cli.settings import CONTAINER_ROOTS, KNOWN, defaults
from scaffold.common.errors import UsageError
from scaffold_validators.twin.workers import LIMIT

READ = re.compile(r"""(?:settings|self)\.(?:get|path|number|switch|_root)\(\s*"([a-z_]+)"|\.get\("(work)"\)""")


def test_what_commands_read_is_what_may_be_set() -> None:
    texts = [path.read_text() for path in Path(str(package.__file__)).parent.glob("*.py")]
    read = {name for text in texts for pair in READ.findall(text) for name in pair if name}
    assert read == KNOWN


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("vlm = 'x'", "write vllm"),
        ("trust-remote-cod = true", "write trust_remote_code"),
        ("without-parity = 'always'", "remove it: --without-parity is said in the call"),
        ("stage = 'all'", "remove it: --stage is said in the call"),
        ("slice = 3", "write slice_layers"),
        ("VLLM = '/src/vllm'", "write vllm"),
        ("zzz = 1", "remove it"),
        ("vllm = 3", "vllm: 3; expected a word or a path in quotes"),
    ],
)
def test_what_nothing_reads_is_an_error(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "scaffold.toml").write_text(text)
    with pytest.raises(UsageError, match=says):
        defaults(tmp_path, {})
    (tmp_path / "scaffold.toml").unlink()
    (tmp_path / "pyproject.toml").write_text(f"[tool.scaffold]\n{text}\n")
    with pytest.raises(UsageError, match=r"\[tool.scaffold\]"):
        defaults(tmp_path, {})


def test_a_table_of_a_settings_file_is_told_as_one(tmp_path: Path) -> None:
    (tmp_path / "scaffold.toml").write_text('[report]\nlang = "en"\n')
    with pytest.raises(UsageError, match=r"a table \[report\]; expected settings at the top level"):
        defaults(tmp_path, {})


def test_the_environment_wins_over_the_file_and_the_file_over_the_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.scaffold]\ntp = '1'\nmax-num-seqs = 4\nport = 1\n")
    (tmp_path / "scaffold.toml").write_text("tp = '2'\nport = 2\n")
    found = defaults(tmp_path, {"SCAFFOLD_PORT": "3", "SCAFFOLD_CACHE": "x"})
    assert found == {"tp": "2", "max_num_seqs": 4, "port": "3"}


def test_the_roots_of_the_container_are_found_without_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CONTAINER_ROOTS["vllm"] == Path("/vllm-workspace/vllm")  # vllm-ascend: Dockerfile
    assert (CONTAINER_ROOTS["vllm_ascend"], CONTAINER_ROOTS["work"]) == (
        Path("/vllm-workspace/vllm-ascend"),
        Path("/workspace"),
    )
    for name in CONTAINER_ROOTS:
        (tmp_path / name).mkdir()
        monkeypatch.setitem(CONTAINER_ROOTS, name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    settings = Settings({})
    assert (settings.vllm(), settings.delivery()) == (tmp_path / "vllm", tmp_path / "vllm_ascend")
    assert settings.workspace().work == tmp_path / "work"


def test_the_port_is_8000_unless_asked_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert serve_settings(Settings({})).port == 8000
    assert serve_settings(Settings({"port": 8001})).port == 8001


def test_limits_of_twins_and_servers_are_set_in_the_call_and_in_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert twin_workers(Settings({})).seconds == LIMIT
    (tmp_path / "scaffold.toml").write_text("twin-seconds = 900\n")
    assert twin_workers(Settings({})).seconds == 900
    assert twin_workers(Settings({"twin_seconds": 9})).seconds == 9
    assert all("twin_seconds" in _options(name) for name in ("new-model", "twin", "survey"))
    assert {"start_seconds", "idle_seconds", "request_seconds"} <= _options("evaluate")


def _options(name: str) -> set[str | None]:
    command = scaffold.get_command(click.Context(scaffold), name)
    assert command is not None
    return {option.name for option in command.params}
