"""Quantised layouts: each is the one weight that it stands for, or stays what it is."""

from __future__ import annotations

from scaffold.checkpoint.headers import TensorHeader
from scaffold.weights.packed import unpacked
from tests.rows import each

Given = dict[str, tuple[str, tuple[int, ...]]]
NVFP4: Given = {
    "q.weight": ("U8", (64, 16)), "q.weight_scale": ("F8_E4M3", (64, 2)), "q.weight_scale_2": ("F32", ()),
    "q.input_scale": ("F32", ()),
}  # fmt: skip
PER_ROW: Given = {"q.weight": ("F8_E4M3", (64, 32)), "q.weight_scale": ("F32", (64, 1))}
CACHE: Given = PER_ROW | {"q.input_scale": ("F32", ()), "q.output_scale": ("F32", ()), "q.k_scale": ("F32", ())}
MXFP4: Given = {"e.up_blocks": ("U8", (4, 64, 2, 16)), "e.up_scales": ("U8", (4, 64, 2))}
GPTQ: Given = {
    "q.qweight": ("I32", (4, 64)), "q.qzeros": ("I32", (1, 8)), "q.scales": ("F16", (1, 64)), "q.g_idx": ("I32", (32,)),
}  # fmt: skip
AWQ: Given = {"q.qweight": ("I32", (32, 8)), "q.qzeros": ("I32", (1, 8)), "q.scales": ("F16", (1, 64))}
STATIC: Given = {
    "q.weight": ("I8", (64, 32)), "q.weight_scale": ("F32", (64, 1)), "q.weight_offset": ("F32", (64, 1)),
    "q.input_scale": ("F32", (1,)), "q.input_offset": ("F32", (1,)), "q.quant_bias": ("I32", (64,)),
    "q.deq_scale": ("F32", (64,)),
}  # fmt: skip
FOUR_BITS: Given = {
    "q.weight": ("I8", (32, 32)), "q.weight_scale": ("F32", (64, 1)), "q.weight_offset": ("F32", (64, 1)),
    "q.weight_scale_second": ("F32", (64, 2)), "q.weight_offset_second": ("F32", (64, 2)),
    "q.scale_bias": ("F32", (64, 1)),
}  # fmt: skip
NF4: Given = {
    "q.weight": ("U8", (1024, 1)), "q.weight.absmax": ("U8", (32,)), "q.weight.quant_map": ("F32", (16,)),
    "q.weight.nested_absmax": ("F32", (1,)), "q.weight.nested_quant_map": ("F32", (256,)),
    "q.weight.quant_state.bitsandbytes__nf4": ("U8", (151,)),
}  # fmt: skip


def headers(given: Given) -> dict[str, TensorHeader]:
    return {name: TensorHeader(name, dtype, shape, "a") for name, (dtype, shape) in given.items()}


@each(
    ("given", "name", "shape"),
    [
        (NVFP4, "q.weight", (64, 32)), (PER_ROW, "q.weight", (64, 32)), (MXFP4, "e.up", (4, 64, 64)),
        (GPTQ, "q.weight", (64, 32)), (AWQ, "q.weight", (64, 32)),
        (CACHE, "q.weight", (64, 32)),
        (STATIC, "q.weight", (64, 32)), (NF4, "q.weight", (2048,)), (FOUR_BITS, "q.weight", (64, 32)),
    ],
    ids=["nvfp4", "fp8 per row", "mxfp4", "gptq", "awq", "scales of the cache",
         "ModelSlim's W8A8", "bitsandbytes", "ModelSlim's W4A8"],
)  # fmt: skip
def test_a_quantised_weight_is_one_with_the_bytes_of_all_its_tensors(
    given: Given, name: str, shape: tuple[int, ...]
) -> None:
    plain = headers({"norm.weight": ("BF16", (32,))})
    found = unpacked({**plain, **headers(given)})
    assert {key: header.shape for key, header in found.items()} == {"norm.weight": (32,), name: shape}
    assert found[name].num_bytes == sum(header.num_bytes for header in headers(given).values())


@each(
    "given",
    [
        {"q.weight": NVFP4["q.weight"], "q.weight_scale": NVFP4["q.weight_scale"]},
        {**NVFP4, "q.weight_scale": ("F8_E4M3", (64, 3))},
        {**PER_ROW, "q.weight_scale": ("F32", (63, 1))},
        {**MXFP4, "e.up_scales": ("U8", (4, 64, 3))},
        {**AWQ, "q.qzeros": ("I32", (2, 8))},
        {**NF4, "q.weight": ("U8", (32, 32))},
        {key: value for key, value in NF4.items() if not key.endswith("absmax")},
        {"q.weight": ("BF16", (64, 32)), "q.weight_scale": ("F32", (64, 1))},
    ],
    ids=[
        "no second scale",
        "scales of other groups",
        "rows too few",
        "blocks and scales",
        "zeros",
        "not flat",
        "no scales",
        "not quantised",
    ],
)
def test_tensors_that_do_not_belong_together_stay_what_they_are(given: Given) -> None:
    assert unpacked(headers(given)) == headers(given)
