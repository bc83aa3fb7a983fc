"""Quantisation: the kind, what is quantised, and what vllm-ascend does with it, by device generation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.checkpoint.about import About, about
from scaffold.checkpoint.ascend_paths import DEVICES, ROWS, ascend_paths
from scaffold.checkpoint.read import read_checkpoint
from tests.checkpoint.made import Tensors, checkpoint

LAYERS = range(2)
BF16 = {"model.norm.weight": ("BF16", (256,)), "model.embed_tokens.weight": ("BF16", (512, 256))}


def linear(**parts: tuple[str, tuple[int, ...]]) -> Tensors:
    """Return one projection in each layer, made of ``parts``, beside weights that are not quantised."""
    return BF16 | {f"model.layers.{i}.mlp.up_proj.{part}": form for i in LAYERS for part, form in parts.items()}


NVFP4 = linear(weight=("U8", (128, 128)), weight_scale=("F8_E4M3", (128, 16)), weight_scale_2=("F32", ()))


def compressed(bits: int, strategy: str, kind: str = "int", activations: Any = None, **more: Any) -> dict[str, Any]:
    weights = {"num_bits": bits, "type": kind, "strategy": strategy, "symmetric": True, "dynamic": False, **more}
    return {
        "quant_method": "compressed-tensors",
        "format": "int-quantized",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights, "input_activations": activations}},
    }


TOKEN = {"num_bits": 8, "type": "int", "strategy": "token", "symmetric": True, "dynamic": True}
FLOAT_TOKEN = {**TOKEN, "type": "float"}
RUNS, DEQUANTISE, NO, UNKNOWN = "runs as it is", "dequantise at load", "not supported", "unknown"
SLIM = {f"model.layers.{i}.mlp.up_proj.{part}": "W8A8_DYNAMIC" for i in LAYERS for part in ("weight", "weight_scale")}
INT8 = linear(weight=("I8", (512, 256)), weight_scale=("F32", (512, 1)))

CASES: tuple[tuple[str, Tensors, dict[str, Any], dict[str, Any], str, str, tuple[str, str, str, str]], ...] = (
    ("fp8 per block", linear(weight=("F8_E4M3", (512, 256)), weight_scale_inv=("F32", (4, 2))),
     {"quant_method": "fp8", "weight_block_size": [128, 128]}, {}, "fp8", "one scale per block of 128 × 128",
     (DEQUANTISE, DEQUANTISE, DEQUANTISE, NO)),
    ("fp8 per channel", linear(weight=("F8_E4M3", (512, 256)), weight_scale=("F32", (512, 1))),
     {"quant_method": "fp8"}, {}, "fp8", "one scale per channel", (DEQUANTISE, DEQUANTISE, DEQUANTISE, NO)),
    ("fp8 per tensor", linear(weight=("F8_E5M2", (512, 256)), weight_scale=("F32", ())),
     {"quant_method": "fp8"}, {}, "fp8", "one scale per tensor", (DEQUANTISE, DEQUANTISE, DEQUANTISE, NO)),
    ("compressed-tensors int8", INT8, compressed(8, "channel", activations=TOKEN), {}, "compressed-tensors",
     "weights int8 per channel static, activations int8 per token dynamic", (RUNS, RUNS, RUNS, NO)),
    ("compressed-tensors fp8", linear(weight=("F8_E4M3", (512, 256)), weight_scale=("BF16", (512, 1))),
     compressed(8, "channel", "float", FLOAT_TOKEN), {}, "compressed-tensors",
     "weights float8 per channel static, activations float8 per token dynamic", (UNKNOWN, UNKNOWN, RUNS, NO)),
    ("compressed-tensors packed", linear(weight_packed=("I32", (512, 32)), weight_scale=("BF16", (512, 2))),
     compressed(4, "group", group_size=128), {}, "compressed-tensors",
     "weights int4 per group of 128 static, activations unquantised", (RUNS, RUNS, RUNS, NO)),
    ("compressed-tensors asymmetric", INT8, compressed(8, "channel", activations=TOKEN, symmetric=False), {},
     "compressed-tensors", "weights int8 per channel asymmetric static, activations int8 per token dynamic",
     (NO, NO, NO, NO)),
    ("compressed-tensors NVFP4", linear(weight_packed=("U8", (512, 128)), weight_scale=("F8_E4M3", (512, 16)),
                                        weight_global_scale=("F32", (1,))),
     compressed(4, "tensor_group", "float", group_size=16), {}, "compressed-tensors", "U8", (NO, NO, NO, NO)),
    ("compressed-tensors MXFP4", linear(weight_packed=("U8", (512, 128)), weight_scale=("U8", (512, 8))),
     compressed(4, "group", "float", group_size=32), {}, "compressed-tensors", "U8", (NO, NO, NO, NO)),
    ("ModelSlim", INT8, {}, {"quant_model_description.json": SLIM}, "modelslim", "W8A8_DYNAMIC: 2",
     (RUNS, RUNS, RUNS, RUNS)),
    ("ModelSlim for 310P", INT8, {}, {"quant_model_description.json": {"a.weight": "W8A8SC"}}, "modelslim", "W8A8SC: 1",
     (NO, NO, NO, RUNS)),
    ("ModelSlim mxfp", linear(weight=("F8_E4M3", (512, 256)), weight_scale=("U8", (512, 8))), {},
     {"quant_model_description.json": {"a.weight": "W8A8_MXFP8", "b.weight": "FLOAT"}}, "modelslim", "W8A8_MXFP8: 1",
     (UNKNOWN, UNKNOWN, RUNS, NO)),
    ("AWQ", linear(qweight=("I32", (256, 64)), qzeros=("I32", (2, 64)), scales=("F16", (2, 512))),
     {"quant_method": "awq", "bits": 4, "group_size": 128}, {}, "awq", "4 bits", (NO, NO, NO, NO)),
    ("a word in capitals, a mean of bits",
     linear(qweight=("I32", (256, 64)), qzeros=("I32", (2, 64)), scales=("F16", (2, 512))),
     {"quant_method": "AWQ", "bits": 4.5}, {}, "awq", "4.5 bits", (NO, NO, NO, NO)),
    ("AQLM", linear(codes=("I16", (512, 32, 1)), codebooks=("F16", (1, 256, 1, 8)), scales=("F16", (512, 1, 1, 1))),
     {"quant_method": "aqlm"}, {}, "aqlm", "", (NO, NO, NO, NO)),
    ("GPTQ", linear(qweight=("I32", (32, 512)), qzeros=("I32", (2, 64)), scales=("F16", (2, 512)),
                    g_idx=("I32", (256,))),
     {"quant_method": "gptq", "bits": 4, "group_size": 128}, {}, "gptq", "groups of 128", (NO, NO, NO, NO)),
    ("MXFP4", BF16 | {f"model.layers.{i}.mlp.experts.{n}_{part}": ("U8", shape) for i in LAYERS
                      for n in ("gate_up_proj", "down_proj")
                      for part, shape in (("blocks", (4, 512, 8, 16)), ("scales", (4, 512, 8)))},
     {"quant_method": "mxfp4"}, {}, "mxfp4", "U8", (NO, NO, NO, NO)),
    ("NVFP4", NVFP4,
     {"quant_method": "modelopt", "quant_algo": "NVFP4"}, {}, "modelopt", "NVFP4", (NO, NO, NO, NO)),
    ("NVFP4 of older ModelOpt", NVFP4, {}, {"hf_quant_config.json": {"quantization": {"quant_algo": "NVFP4"}}},
     "modelopt", "NVFP4", (NO, NO, NO, NO)),
    ("bitnet", linear(weight=("U8", (128, 256)), weight_scale=("BF16", (1,))), {"quant_method": "bitnet"}, {},
     "bitnet", "U8", (NO, NO, NO, NO)),
    ("bitsandbytes nf4", linear(weight=("U8", (65536, 1))) | {
        f"{name.removesuffix('.weight')}.weight.{more}": (dtype, shape) for name in linear(weight=("U8", (65536, 1)))
        if name.endswith("up_proj.weight")
        for more, dtype, shape in (("absmax", "U8", (2048,)), ("quant_map", "F32", (16,)),
                                   ("quant_state.bitsandbytes__nf4", "U8", (151,)))},
     {"quant_method": "bitsandbytes", "load_in_4bit": True}, {}, "bitsandbytes", "U8", (NO, NO, NO, NO)),
    ("bitsandbytes int8", linear(weight=("I8", (512, 256)), SCB=("F32", (512,))),
     {"quant_method": "bitsandbytes", "load_in_8bit": True}, {}, "bitsandbytes", "I8", (NO, NO, NO, NO)),
    ("a method of the future", linear(weight=("U8", (128, 256))), {"quant_method": "q\x1b[1m"}, {}, r"q\x1b[1m", "",
     (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)),
)  # fmt: skip


def read(path: Path) -> About:
    return about(read_checkpoint(path))


@pytest.mark.parametrize(
    ("tensors", "config", "files", "kind", "scheme", "paths"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_kind_scheme_and_path(
    tmp_path: Path, tensors: Tensors, config: Any, files: Any, kind: str, scheme: str, paths: tuple[str, ...]
) -> None:
    given = {"quantization_config": config} if config else {}
    found = read(checkpoint(tmp_path / "c", tensors, files, **given))
    assert found.quantization is not None
    assert found.quantization.kind == kind
    assert scheme in found.quantization.scheme or not scheme
    assert tuple(answer.path for answer in found.paths) == paths
    assert [answer.device for answer in found.paths] == list(DEVICES)


TELLING = ("AWQ", "GPTQ", "MXFP4", "bitsandbytes nf4", "bitsandbytes int8")


@pytest.mark.parametrize(("tensors", "kind"), [(c[1], c[4]) for c in CASES if c[0] in TELLING])
def test_tensors_alone_tell_the_kind(tmp_path: Path, tensors: Tensors, kind: str) -> None:
    found = read(checkpoint(tmp_path / "c", tensors)).quantization
    assert found is not None
    assert found.kind == kind
    assert found.disagreements == (
        ("the config does not say how the weights are quantised", "the tensors are quantised"),
    )


def test_nvfp4_is_never_taken_for_plain(tmp_path: Path) -> None:
    alone = read(checkpoint(tmp_path / "c", NVFP4)).quantization
    assert alone is not None
    assert (alone.kind, len(alone.parts), len(alone.disagreements)) == ("nvfp4", 1, 1)


def test_what_is_quantised_is_counted(tmp_path: Path) -> None:
    found = read(checkpoint(tmp_path / "c", CASES[0][1], quantization_config=CASES[0][2])).quantization
    assert found is not None
    assert [(part.pattern, part.dtype, part.count) for part in found.parts] == [
        ("model.layers.*.mlp.up_proj.weight", "F8_E4M3", 2)
    ]
    assert found.plain == len(BF16)


def test_no_quantisation_is_none(tmp_path: Path) -> None:
    found = read(checkpoint(tmp_path / "c", BF16))
    assert found.quantization is None
    assert found.paths == ()


def test_a_config_that_promises_what_the_tensors_do_not_hold(tmp_path: Path) -> None:
    found = read(checkpoint(tmp_path / "c", BF16, quantization_config={"quant_method": "fp8"})).quantization
    assert found is not None
    assert "no tensor is quantised" in found.disagreements[0][1]


def test_minimax_and_deepseek_v4_have_paths_of_their_own() -> None:
    assert {a.path for a in ascend_paths("fp8", (), "minimax_m2") if a.device != "310P"} == {DEQUANTISE}
    assert {a.device for a in ascend_paths("fp8", (), "deepseek_v4") if a.path == RUNS} == {"A5"}


def test_each_row_names_files_of_vllm_ascend_that_exist(ascend_source: Path) -> None:
    for row in ROWS:
        first = row.source.partition(",")[0]
        assert (ascend_source / first).exists(), row.source
