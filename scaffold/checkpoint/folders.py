"""Folders without ``config.json``: what they hold instead, judged by their file names, and what to do with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scaffold.checkpoint.text import shown
from scaffold.common.errors import CheckpointError

CONFIG = "config.json"
SHOWN = 3
"""How many subfolders a message names."""


@dataclass(frozen=True)
class Kind:
    """A row: names (with ``*``), what the folder holds if one of them exists, and what to do."""

    names: tuple[str, ...]
    holds: str
    remedy: str


ADAPTER = Kind(
    ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"),
    "an adapter (LoRA or similar), not a model",
    "pass the base model that its adapter_config.json names, and serve the adapter with vllm serve --enable-lora "
    "--lora-modules; or merge it into the base model first (peft: merge_and_unload, then save_pretrained)",
)
GGUF = Kind(
    ("*.gguf",),
    "GGUF, the format of llama.cpp",
    "use the safetensors repository that it was converted from",
)
KINDS = (
    ADAPTER,
    Kind(
        ("model_index.json",),
        "a diffusers pipeline, whose parts are separate models",
        "pass the folder of the part that is a language model, if one is",
    ),
    Kind(
        ("params.json",),
        "weights in the publisher's own layout",
        "use the repository in the layout of transformers, or convert it with the conversion script that transformers "
        "has beside the model",
    ),
    GGUF,
    Kind(
        ("zero_to_fp32.py", "global_step*"),
        "a DeepSpeed training checkpoint",
        "gather the weights with its zero_to_fp32.py, and save the model with save_pretrained",
    ),
    Kind(
        (".metadata", "*.distcp"),
        "a sharded training state (torch.distributed.checkpoint)",
        "load it with the training code, and save the model with save_pretrained",
    ),
    Kind(
        ("latest_checkpointed_iteration.txt", "*.nemo", "mp_rank_*"),
        "a Megatron or NeMo checkpoint",
        "convert it to the layout of transformers with the tools used for training",
    ),
    Kind(
        ("*.onnx", "openvino_model.xml", "*.mlmodel", "*.mlpackage"),
        "a model exported for another runtime",
        "use the repository that it was exported from",
    ),
    Kind(
        ("*.incomplete", ".cache/huggingface/download/*.incomplete"),
        "an unfinished download",
        "let the download finish, or start it again: it continues where it stopped",
    ),
)
"""In order of precedence."""
BELOW = ("*", "snapshots/*")
"""Where a checkpoint may be below a folder: the second is the cache of Hugging Face's client."""


def check_folder(path: Path) -> None:
    """Check that a folder without ``config.json`` is not recognised as something else.

    Raises:
        CheckpointError: it does not hold a model, or the checkpoint is in a subfolder.
    """
    if _present(path, (CONFIG,)):
        return
    kind = next((one for one in KINDS if _present(path, one.names)), None)
    if kind is not None:
        name = shown(_present(path, kind.names)[0])
        raise _no_config(path, f"{kind.holds}: it has {name}", kind.remedy)
    below = [found for pattern in BELOW for found in _present(path, (f"{pattern}/{CONFIG}",))]
    if below:
        folders = ", ".join(shown(name.removesuffix(f"/{CONFIG}")) for name in below[:SHOWN])
        raise _no_config(path, f"a subfolder has one: {folders}", "pass the folder that has config.json")


def _present(path: Path, names: tuple[str, ...]) -> list[str]:
    """Return the files and folders below a path that match one of these names, in order."""
    return sorted(str(found.relative_to(path)) for name in names for found in path.glob(name))


def _no_config(path: Path, instead: str, remedy: str) -> CheckpointError:
    return CheckpointError(
        f"no file {CONFIG}, but {instead}", where=str(path), expected="a checkpoint with config.json", remedy=remedy
    )
