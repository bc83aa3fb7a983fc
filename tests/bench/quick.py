"""``make bench-quick``: processor seconds of the command line: docs/codemods.md, and a plan in docs/pipeline.md."""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.lab.checkpoints import checkpoint
from tests.lab.trees import ascend_source, vllm_lists
from tests.lab.workplace import make_workplace

VLLM = "0.32.0"
CASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("vllm-registry-entry", ("architecture=CedarForCausalLM", "module=cedar", "class_name=CedarForCausalLM")),
    ("vllm-test-registry-entry", ("architecture=CedarForCausalLM", "checkpoint=trees/cedar")),
    ("vllm-config-type", ("model_type=cedar", "class_name=CedarConfig")),
    ("vllm-tool-parser", ("parser=cedar", "module=cedar_tool_parser", "class_name=CedarParser")),
    (
        "map-weights",
        ("module=vllm.model_executor.models.llava", "class_name=LlavaForConditionalGeneration", "old=x.q.", "new=y."),
    ),
    ("ascend-patch-import", ("module=patch_cedar",)),
    ("retire-patch", ("module=patch_cedar",)),
    ("add-modelslim-rows", ("model_types=cedar", "row=qkv_proj=q_proj,k_proj,v_proj")),
    ("list-tutorial", ("tutorial=Cedar",)),
)
"""Codemods and recipes, and arguments with which they edit the trees."""
PLANS = ("helium",)
"""Checkpoints that are planned: like Llama, with two dozen registered architectures to be told from."""


def seconds(command: list[str]) -> float:
    """Run a command, and return the processor seconds that it and its children took.

    Raises:
        CalledProcessError: it failed.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    scaffold = str(Path(sys.executable).with_name("scaffold"))
    print("| codemod | processor seconds |\n| --- | ---: |")
    with TemporaryDirectory() as work:
        for name, arguments in CASES:
            is_of_vllm = name.startswith(("vllm-", "map-"))
            tree = str(model_tree() if name == "map-weights" else vllm_lists(VLLM) if is_of_vllm else ascend_source())
            command = [scaffold, "run", name, tree, "--dry-run", "--work", work, *arguments]
            print(f"| `{name}` | {min(seconds(command) for _ in range(times)):.2f} |", flush=True)
        options = make_workplace(Path(work) / "place").options()
        for name in PLANS:
            command = [scaffold, "new-model", str(checkpoint(name)), *options, "--dry-run", "--diff"]
            print(f"| a plan of `{name}` | {min(seconds(command) for _ in range(times)):.2f} |", flush=True)


def model_tree() -> Path:
    """Return a tree of vLLM with its models."""
    from tests.lab.engine import engine

    return engine().pristine


if __name__ == "__main__":
    main()
