"""``--on``: the place where a command does its work: here, or a container of an image."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

import scaffold
from scaffold.cli.roots import Settings
from scaffold.common.errors import EnvironmentLacks
from scaffold.evidence.plan_record import PlanRecord
from scaffold.running.container import Container, docker_run, npus_here
from scaffold_validators.environment import variables

HERE = "here"
GRACE_SECONDS = 60
"""How long what runs in a container may take to end its servers."""
VISIBLE = "ASCEND_RT_VISIBLE_DEVICES"
NOT_HANDED_ON = ("on", "work", "vllm", "delivery", "vllm_ascend")
"""Options of the place, or whose words are given anew."""

on_option = click.option("--on", metavar="IMAGE", help="Run in a container of this image (docker run) instead of here.")


@dataclass(frozen=True)
class Call:
    """A command of this tool, as it was given: to be said again elsewhere.

    Attributes:
        settings: all its parameters, with those of settings files.
        operands: what comes before its options.
        extra: what comes after ``--``.
    """

    command: click.Command
    settings: Settings
    operands: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    def words(self, work: Path) -> list[str]:
        """Return it with absolute paths, and without the place; options of settings files are said, too."""
        said = [str(self.command.name), *self.operands, "--work", str(work), *self._options()]
        return [*said, "--", *self.extra] if self.extra else said

    def _options(self) -> Iterator[str]:
        for parameter in self.command.params:
            name = parameter.name or ""
            if isinstance(parameter, click.Option) and name not in NOT_HANDED_ON:
                yield from _said(max(parameter.opts, key=len), self.settings.get(name), parameter)


def _said(option: str, value: Any, parameter: click.Option) -> Iterator[str]:
    if value in (None, False, ()):
        return
    if parameter.is_flag:
        yield option
        return
    for one in value if isinstance(value, (tuple, list)) and parameter.multiple else (value,):
        yield from (option, str(one.absolute()) if isinstance(one, Path) else str(one))


def container_of(
    image: str, record: PlanRecord, work: Path, checkpoint: Path, environment: Mapping[str, str] = os.environ
) -> Container:
    """Return the container in which a planned model is validated."""
    files = tuple(file for file in record.delivery_files if file.endswith(".py"))
    known = {row.name for row in variables()} | {VISIBLE}
    handed = {name for name in environment if name in known or name.startswith("SCAFFOLD_")}
    return Container(
        image=image,
        name=f"scaffold-{record.name}-{uuid.uuid4().hex[:8]}",
        npus=npus_here(environment.get(VISIBLE, "")),
        work=work,
        checkpoint=checkpoint.absolute(),
        vllm=Path(record.vllm),
        delivery=Path(record.delivery),
        delivery_files=files,
        tool=own_source(),
        variables=tuple(sorted(handed)),
    )


def own_source() -> Path | None:
    """Return the source tree that this tool runs from; None where it is installed."""
    root = Path(scaffold.__file__).resolve().parent.parent
    return root if (root / "pyproject.toml").is_file() else None


def run_in(container: Container, words: list[str]) -> int:
    """Run this tool in a container, and return its exit code.

    Raises:
        EnvironmentLacks: there is no docker; the command that would be run is in the message.
    """
    command = docker_run(container, words)
    if shutil.which("docker") is None:
        raise EnvironmentLacks(
            "no docker",
            where="PATH",
            expected="the command docker",
            remedy=f"install it, or run where it is: {shlex.join(command)}",
        )
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        return process.wait()
    except BaseException:  # it hands signals on to the container, where the tool ends what it started
        process.terminate()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            subprocess.run(["docker", "kill", container.name], check=False, capture_output=True)  # noqa: S607
        raise
