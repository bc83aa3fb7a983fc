"""Under which name, and with which config's model type, each layer asks for its quantisation."""

from __future__ import annotations

import json
from pathlib import Path

from scaffold.checkpoint.read import read_checkpoint
from scaffold.roots.vllm_tree import VllmTree, read_vllm_tree
from scaffold.vllm_models.adapter import built
from scaffold.vllm_models.reader import Reader
from scaffold.vllm_models.values import Node
from tests.modelslim.made import write_tensors

TEXT = """\
from torch import nn

from vllm.model_executor.layers.linear import MergedColumnParallelLinear, RowParallelLinear
from .utils import init_vllm_registered_model, maybe_prefix


class Elm(nn.Module):
    packed_modules_mapping = {"up": ["gate"]}

    def __init__(self, *, vllm_config, prefix=""):
        super().__init__()
        quant_config = vllm_config.quant_config
        self.packed_modules_mapping["qkv"] = ["q", "k", "v"]
        self.up = MergedColumnParallelLinear(
            8, [8, 8], quant_config=quant_config, prefix=f"{prefix}.mlp.up", disable_tp=True
        )
        self.plain = RowParallelLinear(8, 8, quant_config=None, prefix=f"{prefix}.plain")


class ElmForVision(nn.Module):
    def __init__(self, *, vllm_config, prefix=""):
        super().__init__()
        config = vllm_config.model_config.hf_config
        self.out = RowParallelLinear(8, 8, quant_config=vllm_config.quant_config, prefix=maybe_prefix(prefix, "out"))
        self.inner = init_vllm_registered_model(
            vllm_config=vllm_config, hf_config=config.text_config, prefix=maybe_prefix(prefix, "model"),
            architectures=["Elm"],
        )
"""
REGISTRY = """\
_TEXT_GENERATION_MODELS = {"Elm": ("elm", "Elm")}
_MULTIMODAL_MODELS = {"ElmForVision": ("elm", "ElmForVision")}
"""


def made(folder: Path) -> tuple[Reader, Node]:
    models = folder / "tree" / "vllm" / "model_executor" / "models"
    models.mkdir(parents=True)
    (models / "registry.py").write_text(REGISTRY)
    (models / "elm.py").write_text(TEXT)
    config = {"architectures": ["ElmForVision"], "model_type": "elm_vl", "text_config": {"model_type": "elm"}}
    (folder / "config.json").write_text(json.dumps(config))
    write_tensors(folder / "model.safetensors", {"out.weight": ("BF16", (8, 8))})
    tree: VllmTree = read_vllm_tree(folder / "tree")
    return built(tree, tree.registry["ElmForVision"], read_checkpoint(folder))


def test_a_layer_asks_by_its_prefix_and_the_model_type_of_the_config_it_is_made_with(tmp_path: Path) -> None:
    _, root = made(tmp_path)
    out, inner = root.attributes["out"], root.attributes["inner"]
    assert (out.layer, out.prefix, out.asked_as, out.is_whole) == ("RowParallelLinear", "out", "elm_vl", False)
    up = inner.attributes["up"]
    assert (up.layer, up.prefix, up.asked_as, up.is_whole) == (
        "MergedColumnParallelLinear", "model.mlp.up", "elm", True,
    )  # fmt: skip


def test_a_quantisation_of_the_outer_config_is_that_of_the_model_inside(tmp_path: Path) -> None:
    _, root = made(tmp_path)
    inner = root.attributes["inner"]
    assert root.attributes["out"].quantised
    assert inner.attributes["up"].quantised
    assert not inner.attributes["plain"].quantised


def test_entries_that_init_adds_to_a_dictionary_of_its_class(tmp_path: Path) -> None:
    _, root = made(tmp_path)
    assert root.attributes["inner"].grown == {"packed_modules_mapping": {"up": ["gate"], "qkv": ["q", "k", "v"]}}
