"""The roots of a run and the environment that serves, from options, settings, or the container's layout."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from scaffold.cli.settings import container_root, defaults
from scaffold.cli.work import DIRECTORY, work_directory, work_option
from scaffold.common.errors import EnvironmentLacks, UsageError
from scaffold.delivery.excuses import Excuses
from scaffold.disagreements.finding import SIDES
from scaffold.evidence.workspace import Workspace
from scaffold_validators.device import CPU, NPU
from scaffold_validators.engine import HOW_TO_GET, Engine, probe

__all__ = ["DIRECTORY", "Settings", "work_option"]
F = TypeVar("F", bound=Callable[..., Any])


def options(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Join option decorators into one, in the order in which they are listed."""

    def join(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return join


name_option = click.option("--name", help="The model's name (default: the checkpoint's folder).")
model_id_option = click.option(
    "--model-id", metavar="ORG/NAME", help="The model's published name (default: what the checkpoint tells)."
)
python_option = click.option(
    "--python", type=DIRECTORY, help="The environment that serves (default: where `vllm` is found)."
)
believe_option = click.option(
    "--believe", type=click.Choice(SIDES), help="Which to trust where config and tensors disagree about what is served."
)
tree_options = options(
    click.option("--vllm", type=DIRECTORY, help="The vLLM source tree."),
    click.option("--vllm-ascend", type=DIRECTORY, help="The vllm-ascend source tree."),
    click.option("--delivery", type=DIRECTORY, help="The repo that is committed to (default: --vllm-ascend)."),
)
parity_options = options(
    click.option(
        "--slice",
        "slice_layers",
        type=click.IntRange(min=1),
        metavar="N",
        help="Stage slice: take the first N layers (default: as many as the reference has memory and time for).",
    ),
    click.option(
        "--reference-seconds", type=click.IntRange(min=1), help="Time limit for the reference (default: 1800)."
    ),
)
without_parity_option = click.option(
    "--without-parity", metavar="REASON", help="Commit without parity; commit and tutorial state the reason."
)
accuracy_pending_option = click.option(
    "--accuracy-pending", metavar="REASON", help="Commit without accuracy figures; the documents state the reason."
)
without_option = click.option(
    "--without",
    multiple=True,
    nargs=2,
    metavar="POINT REASON",
    help="Commit without a point of the quality gate that allows for a reason, such as features. Repeatable.",
)
serve_options = options(
    click.option("--port", type=click.IntRange(1, 65535), help="Port of the server (default: 8000)."),
    click.option("--tp", help="Tensor-parallel sizes, such as 1,2 (default: 1)."),
    click.option("--dtype", help="vllm serve --dtype (default: auto)."),
    click.option("--max-model-len", type=click.IntRange(min=1), help="vllm serve --max-model-len."),
    click.option("--enforce-eager", is_flag=True, help="vllm serve --enforce-eager."),
    click.option("--trust-remote-code", is_flag=True, help="Let vLLM and transformers run the checkpoint's code."),
)
patience_options = options(
    click.option(
        "--start-seconds", type=click.IntRange(min=1), help="Time limit for the server to start (default: 3600)."
    ),
    click.option(
        "--idle-seconds",
        type=click.IntRange(min=1),
        help="Time limit for a start that neither logs nor uses CPU time (default: 120).",
    ),
    click.option("--request-seconds", type=click.IntRange(min=1), help="Time limit for a request (default: 600)."),
)
twin_seconds_option = click.option(
    "--twin-seconds",
    type=click.IntRange(min=1),
    help="Time limit for making a twin, and for serving it (default: 240).",
)
gate_options = options(
    click.option("--max-num-seqs", type=click.IntRange(min=1), help="vllm serve --max-num-seqs (default: 16)."),
    click.option("--device", type=click.Choice((NPU, CPU)), help="The device (default: what npu-smi shows, else cpu)."),
    patience_options,
    click.option(
        "--allow", multiple=True, metavar="ID", help="Treat a finding as harmless; the verdict says so. Repeatable."
    ),
    click.option("--no-ladder", is_flag=True, help="When a server fails, do not retry in eager mode and the like."),
    click.option(
        "--sums", is_flag=True, help="Let the evidence cover the contents of the weight files, too; reads all of them."
    ),
    click.option("--search", is_flag=True, help="Stage capacity: look for the largest length that can be served."),
)


class Settings:
    """Options as given, then the defaults of files and environment, then the container's layout."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given, self.defaults = given, defaults(Path.cwd())

    def get(self, name: str) -> Any:
        """Return a value or None."""
        value = self.given.get(name)
        return value if value not in (None, False, ()) else self.defaults.get(name, value)

    def number(self, name: str) -> int | None:
        """Return a whole number or None.

        Raises:
            UsageError: a settings file or variable has something else.
        """
        value = self.get(name)
        try:
            return None if value is None else int(value)
        except (TypeError, ValueError) as error:
            raise _no(name, value, "a whole number") from error

    def excuses(self) -> Excuses:
        """Return the reasons that the call gives for what a delivery goes without, each in one line.

        Raises:
            UsageError: one is given for what takes none.
        """
        given = {point: " ".join(why.split()) for point, why in self.given.get("without") or ()}
        if given:
            from scaffold.delivery.gate.table import check_reasons  # here, as few calls need the gate's points

            check_reasons(given)
        named = {"parity": "without_parity", "accuracy": "accuracy_pending"}
        own = {
            field: " ".join(str(self.given.get(field) or given.pop(point, "")).split())
            for point, field in named.items()
        }
        return Excuses(**own, without=given)

    def switch(self, name: str) -> bool:
        """Return whether something is on."""
        return str(self.get(name) or "").lower() in ("true", "1", "yes", "on")

    def path(self, name: str) -> Path | None:
        """Return a path or None."""
        value = self.get(name)
        return None if value is None else Path(value)

    def tensor_parallel_sizes(self) -> tuple[int, ...]:
        """Return the sizes asked for."""
        value = self.get("tp") or "1"
        try:
            sizes = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            sizes = ()
        if not sizes or min(sizes) < 1:
            raise _no("tp", value, "whole numbers such as 1,2")
        return sizes

    def has_vllm(self) -> bool:
        """Return whether a vLLM source tree is named, or the container's is there."""
        return (self.path("vllm") or container_root("vllm")) is not None

    def names_a_tree(self) -> bool:
        """Return whether any tree that could be edited is named, or is in the container."""
        return self.has_vllm() or any(self.path(name) is not None for name in ("vllm_ascend", "delivery"))

    def vllm(self) -> Path:
        """Return the vLLM source tree.

        Raises:
            UsageError: none is named, and the container's is not there.
        """
        return self._root("vllm", self.path("vllm") or container_root("vllm"), "the root of a vLLM checkout")

    def delivery(self) -> Path:
        """Return the delivery repo.

        Raises:
            UsageError: none is named, and the container's is not there.
        """
        path = self.path("delivery") or self.path("vllm_ascend") or container_root("vllm_ascend")
        return self._root("delivery", path, "the root of a vllm-ascend checkout")

    def workspace(self) -> Workspace:
        """Return the work directory's state.

        Raises:
            UsageError: it is no directory.
        """
        return Workspace(work_directory(self.given))

    def engine(self) -> Engine | None:
        """Return the environment that serves, or None if none is named and there is no ``vllm`` command.

        Raises:
            Problem: the Python that is named has no vLLM.
        """
        python = self.path("python")
        if python is None:
            command = shutil.which("vllm")
            python = Path(command).parent / "python" if command else None
        return None if python is None else probe(python.absolute())

    def _root(self, name: str, path: Path | None, expected: str) -> Path:
        if path is None:
            raise _no(name, "nothing", expected)
        if not path.is_dir():
            raise _no(name, f"{path}, which is not a directory", expected)
        return path.resolve()


def required(engine: Engine | None) -> Engine:
    """Return the engine.

    Raises:
        EnvironmentLacks: there is none.
    """
    if engine is None:
        raise EnvironmentLacks("no engine", where="PATH", expected="the command vllm", remedy=HOW_TO_GET)
    return engine


def _no(name: str, found: Any, expected: str) -> UsageError:
    option = "--" + name.replace("_", "-")
    return UsageError(str(found), where=option, expected=expected, remedy=f"pass it with {option}, or in scaffold.toml")
