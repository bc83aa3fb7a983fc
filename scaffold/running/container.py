"""``docker run`` of a vllm-ascend image, as vllm-ascend documents it, with a planned model's files at their own places.

Devices and mounts are rows, from docs/source/installation.md of vllm-ascend ("Set up using Docker"); a test holds them
against that page. What is added to them: the work directory, the checkpoint and the trees, and the machine's own id.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FLAGS = ("--rm", "--shm-size=1g", "--net=host")
DEVICES = ("/dev/davinci_manager", "/dev/devmm_svm", "/dev/hisi_hdc")
MOUNTS = (
    "/usr/local/dcmi:/usr/local/dcmi",
    "/usr/local/Ascend/driver/tools/hccn_tool:/usr/local/Ascend/driver/tools/hccn_tool",
    "/usr/local/bin/npu-smi:/usr/local/bin/npu-smi",
    "/usr/local/Ascend/driver/lib64/:/usr/local/Ascend/driver/lib64/",
    "/usr/local/Ascend/driver/version.info:/usr/local/Ascend/driver/version.info",
    "/etc/ascend_install.info:/etc/ascend_install.info",
    "/root/.cache:/root/.cache",
)
MACHINE_ID = "/etc/machine-id:/etc/machine-id:ro"
"""Evidence is of a machine, and the container is on this one."""
SETTINGS = ("/usr/local/Ascend/ascend-toolkit/set_env.sh", "/usr/local/Ascend/nnal/atb/set_env.sh")
"""What vllm-ascend's Dockerfile sources before it runs anything; a shell that is not interactive does not."""
VLLM = Path("/vllm-workspace/vllm")
VLLM_ASCEND = Path("/vllm-workspace/vllm-ascend")
"""Where the image has both trees, installed in development mode (vllm-ascend: Dockerfile)."""
TOOL = Path("/opt/vllm-ascend-scaffold")
DAVINCI = "davinci[0-9]*"


@dataclass(frozen=True)
class Container:
    """A container for one call of this tool.

    Attributes:
        image: its name.
        name: of the container, by which it can be ended.
        npus: numbers of the NPUs, as in ``/dev/davinci0``; none for an image that serves on the CPU.
        work: the work directory; evidence and logs are written there.
        checkpoint: its directory.
        vllm: the planned tree, which takes the place of the image's.
        delivery: the repo with the files that are committed.
        delivery_files: those of them that run, relative to it; they are put into the image's vllm-ascend.
        tool: this tool's source tree, to be installed where the image does not have it; None if there is none.
        variables: names of variables that are handed on.
    """

    image: str
    name: str
    npus: tuple[int, ...]
    work: Path
    checkpoint: Path
    vllm: Path
    delivery: Path
    delivery_files: tuple[str, ...] = ()
    tool: Path | None = None
    variables: tuple[str, ...] = ()


def docker_run(container: Container, words: Sequence[str]) -> list[str]:
    """Return the command that runs ``scaffold`` with these words in a container."""
    command = ["docker", "run", *FLAGS, "--init", "--name", container.name]
    if container.npus:
        for device in (*(f"/dev/davinci{number}" for number in container.npus), *DEVICES):
            command += ["--device", device]
        for mount in MOUNTS:
            command += ["-v", mount]
    for mount in (MACHINE_ID, *_mounts(container)):
        command += ["-v", mount]
    for name in container.variables:
        command += ["-e", name]
    return [*command, "-w", str(container.work), container.image, "bash", "-c", script(container, words)]


def script(container: Container, words: Sequence[str]) -> str:
    """Return what the container's shell does: the environment of CANN, the planned files, then the tool."""
    lines = ["set -e", *(f"if [ -f {path} ]; then . {path}; fi" for path in SETTINGS)]
    if container.vllm != VLLM:  # records name the tree by its own path, and vLLM is imported from the image's
        link = shlex.quote(str(container.vllm))
        lines.append(f"mkdir -p {shlex.quote(str(container.vllm.parent))} && ln -sfn {VLLM} {link}")
    for file in container.delivery_files:
        source, target = container.delivery / file, VLLM_ASCEND / file
        if container.delivery != VLLM_ASCEND:
            lines.append(f"install -D -m 644 {shlex.quote(str(source))} {shlex.quote(str(target))}")
    install = f"python3 -m pip install --quiet {TOOL}" if container.tool else f"echo {shlex.quote(LACKING)} >&2; exit 3"
    lines.append(f"if ! command -v scaffold > /dev/null; then {install}; fi")
    return "\n".join([*lines, f"exec scaffold {shlex.join(words)}"])


LACKING = "error: the image has no command scaffold; expected: an image with it, or a source tree of it to install from"


def _mounts(container: Container) -> Iterator[str]:
    """Yield the mounts of the planned model: each directory at its own path, the vLLM tree in the image's place."""
    yield f"{container.work}:{container.work}"
    for folder in folders_of(container.checkpoint):
        yield f"{folder}:{folder}:ro"
    yield f"{container.vllm}:{VLLM}"
    yield f"{container.delivery}:{container.delivery}"
    if container.tool is not None:
        yield f"{container.tool}:{TOOL}:ro"


def folders_of(checkpoint: Path) -> list[Path]:
    """Return a checkpoint's folder, and those in which its files lie where they are links, as in a hub's cache."""
    linked = {path.resolve().parent for path in checkpoint.iterdir() if path.is_symlink() and path.is_file()}
    return [checkpoint, *sorted(folder for folder in linked if not folder.is_relative_to(checkpoint))]


def npus_here(chosen: str = "", devices: Path = Path("/dev")) -> tuple[int, ...]:
    """Return the numbers of the NPUs of this machine.

    Args:
        chosen: what ``ASCEND_RT_VISIBLE_DEVICES`` says: only these; empty for all.
        devices: where device files are.
    """
    there = sorted(int(path.name.removeprefix("davinci")) for path in devices.glob(DAVINCI) if _is_numbered(path))
    wanted = {int(number) for number in chosen.split(",") if number.strip().isdigit()}
    return tuple(number for number in there if not wanted or number in wanted)


def _is_numbered(path: Path) -> bool:
    return path.name.removeprefix("davinci").isdigit()
