"""``docker run`` as vllm-ascend documents it; its shell does what it says, run here with what it calls stood in for."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from scaffold.running import container as module
from scaffold.running.container import MACHINE_ID, Container, docker_run, folders_of, npus_here, script


def made(folder: Path, **more: object) -> Container:
    (folder / "model").mkdir(parents=True, exist_ok=True)
    return replace(
        Container("quay.io/ascend/vllm-ascend:v0.23.0", "scaffold-x", tuple(range(8)), folder / "work",
                  folder / "model", folder / "vllm", folder / "ascend", ("vllm_ascend/models/nova.py",)),
        **more,
    )  # fmt: skip


def documented(page: str) -> list[str]:
    """Return the words of the first command under "Set up using Docker"."""
    section = page.split("## Set up using Docker", 1)[1]
    command = re.search(r"^docker run .*?bash$", section, re.MULTILINE | re.DOTALL)
    assert command is not None
    return shlex.split(command[0].replace("\\\n", " "))


def after(words: list[str], option: str) -> list[str]:
    return [value for name, value in pairwise(words) if name == option]


def test_devices_mounts_and_flags_are_those_that_vllm_ascend_documents(ascend_source: Path, tmp_path: Path) -> None:
    theirs = documented((ascend_source / "docs/source/installation.md").read_text(encoding="utf-8"))
    container = made(tmp_path)
    ours = docker_run(container, ["validate", "/m"])
    assert after(ours, "--device") == after(theirs, "--device")
    own = {MACHINE_ID, *(f"{container.work}:{container.work}", f"{container.checkpoint}:{container.checkpoint}:ro")}
    own |= {f"{container.vllm}:/vllm-workspace/vllm", f"{container.delivery}:{container.delivery}"}
    assert set(after(ours, "-v")) - own == set(after(theirs, "-v"))
    flags = [word for word in theirs if word.startswith("--") and word not in ("--name", "--device")]
    assert [word for word in ours if word in flags] == flags
    assert ours[ours.index(container.image) + 1 :][:2] == ["bash", "-c"]


def test_a_machine_without_npus_gets_neither_devices_nor_driver(tmp_path: Path) -> None:
    words = docker_run(made(tmp_path, npus=()), ["validate", "/m"])
    assert "--device" not in words
    assert not [mount for mount in after(words, "-v") if "Ascend" in mount]


def test_the_shell_puts_the_planned_files_in_their_places_and_says_the_words_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, binaries = tmp_path / "image", tmp_path / "bin"
    monkeypatch.setattr(module, "VLLM", image / "vllm")
    monkeypatch.setattr(module, "VLLM_ASCEND", image / "vllm-ascend")
    container = made(tmp_path, vllm=tmp_path / "some where" / "vllm")
    source = container.delivery / "vllm_ascend/models/nova.py"
    for path, text in ((source, "nova = 1\n"), (image / "vllm/a.py", ""), (binaries / "scaffold", "")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (binaries / "scaffold").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (binaries / "scaffold").chmod(0o755)
    words = ["validate", "/models/it's here", "--", "--hf-overrides", '{"a": 1}']
    command = ["bash", "-c", script(container, words)]
    said = subprocess.run(
        command, env={"PATH": f"{binaries}:/usr/bin:/bin"}, check=True, capture_output=True, text=True
    )
    assert said.stdout.splitlines() == words
    assert (image / "vllm-ascend/vllm_ascend/models/nova.py").read_text() == "nova = 1\n"
    assert (container.vllm / "a.py").resolve() == (image / "vllm/a.py").resolve()


def test_an_image_without_the_tool_is_an_error_of_the_environment(tmp_path: Path) -> None:
    container = made(tmp_path, vllm=module.VLLM, delivery_files=())
    command = ["/bin/bash", "-c", script(container, ["validate"])]
    said = subprocess.run(command, env={"PATH": str(tmp_path)}, check=False, capture_output=True, text=True)
    assert said.returncode == 3
    assert "no command scaffold" in said.stderr


def test_files_that_are_links_bring_the_folders_that_they_lead_to(tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    (blobs / "1").write_text("{}")
    (snapshot / "config.json").symlink_to("../../blobs/1")
    (snapshot / "own.json").write_text("{}")
    assert folders_of(snapshot) == [snapshot, blobs]


def test_the_npus_are_those_that_are_there_and_chosen(tmp_path: Path) -> None:
    for name in ("davinci0", "davinci10", "davinci2", "davinci_manager"):
        (tmp_path / name).touch()
    assert npus_here("", tmp_path) == (0, 2, 10)
    assert npus_here("10,2,7", tmp_path) == (2, 10)
    assert npus_here("", tmp_path / "none") == ()
