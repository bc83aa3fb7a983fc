"""Folders without ``config.json``: what they hold instead, as their files' names tell, and what to do with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scaffold.checkpoint.text import shown
from scaffold.common.errors import CheckpointError

CONFIG = "config.json"
SHOWN = 3
"""How many folders below are named."""


@dataclass(frozen=True)
class Kind:
    """A row: names (with ``*``) of which one is there, what the folder then holds, and what to do."""

    names: tuple[str, ...]
    holds: str
    remedy: str


ADAPTER = Kind(
    ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"),
    "an adapter (LoRA or its kin), and no model",
    "pass the base model that its adapter_config.json names, and serve the adapter with vllm serve --enable-lora "
    "--lora-modules; or merge it into the base model first (peft: merge_and_unload, then save_pretrained)",
)
GGUF = Kind(
    ("*.gguf",),
    "GGUF, the format of llama.cpp",
    "take the repository with safetensors that it was converted from",
)
KINDS = (
    ADAPTER,
    Kind(
        ("model_index.json",),
        "a pipeline of diffusers, whose parts are models of their own",
        "pass the folder of the part that is a language model, if one is",
    ),
    Kind(
        ("params.json",),
        "weights in the layout of their publisher",
        "take the repository in the layout of transformers, or convert it with the conversion script that transformers "
        "has beside the model",
    ),
    GGUF,
    Kind(
        ("zero_to_fp32.py", "global_step*"),
        "what DeepSpeed writes during training",
        "gather the weights with its zero_to_fp32.py, and save the model with save_pretrained",
    ),
    Kind(
        (".metadata", "*.distcp"),
        "a sharded state of training (torch.distributed.checkpoint)",
        "load it where it was trained, and save the model with save_pretrained",
    ),
    Kind(
        ("latest_checkpointed_iteration.txt", "*.nemo", "mp_rank_*"),
        "a checkpoint of Megatron or NeMo",
        "convert it to the layout of transformers with the tools that it was trained with",
    ),
    Kind(
        ("*.onnx", "openvino_model.xml", "*.mlmodel", "*.mlpackage"),
        "a model exported for another runtime",
        "take the repository that it was exported from",
    ),
    Kind(
        ("*.incomplete", ".cache/huggingface/download/*.incomplete"),
        "a download that has not ended",
        "let the download end, or start it again: it goes on where it was",
    ),
)
"""In the order in which they count."""
BELOW = ("*", "snapshots/*")
"""Where below a folder a checkpoint may lie: the second is the cache of Hugging Face's client."""


def check_folder(path: Path) -> None:
    """Check that a folder without ``config.json`` is not known for something else.

    Raises:
        CheckpointError: it holds no model, or the checkpoint lies in a folder below.
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
        raise _no_config(path, f"one below: {folders}", "pass the folder that has config.json")


def _present(path: Path, names: tuple[str, ...]) -> list[str]:
    """Return the files and folders below a path that fit one of these names, in order."""
    return sorted(str(found.relative_to(path)) for name in names for found in path.glob(name))


def _no_config(path: Path, instead: str, remedy: str) -> CheckpointError:
    return CheckpointError(
        f"no file {CONFIG}, but {instead}", where=str(path), expected="a checkpoint with config.json", remedy=remedy
    )
