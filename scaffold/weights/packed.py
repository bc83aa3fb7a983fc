"""Quantised weights as the weights that they stand for: what is packed into several tensors is one weight of a linear.

vLLM's quantised layers make the same tensors as the checkpoint has and load them under their own names
(vllm/model_executor/layers/quantization/); where a weight goes is a matter of its linear, whatever its bits. So rules
and proof work on a checkpoint's tensors as they would be without the quantisation. A tensor whose companions are not
all there, or not of the shapes that belong together, stays what it is, and no rule takes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from scaffold.checkpoint.headers import TensorHeader

Shape = tuple[int, ...]
PLAIN = "BF16"
FP8 = ("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ")


MODELSLIM = (".input_scale", ".input_offset", ".quant_bias", ".deq_scale", ".weight_scale_second",
             ".weight_offset_second", ".scale_bias", ".kv_cache_scale", ".kv_cache_offset")  # fmt: skip
"""What ModelSlim writes beside a weight, its scale and its offset."""


FOUR_BITS = (".weight.nested_absmax", ".weight.nested_quant_map", ".weight.quant_state.bitsandbytes__nf4",
             ".weight.quant_state.bitsandbytes__fp4")  # fmt: skip
"""What bitsandbytes may write beside scales and values of four bits (vLLM: bitsandbytes_loader.py)."""


OF_THE_CACHE = (".k_scale", ".v_scale", ".output_scale")
"""What may be written beside the projection of k or v for a KV cache of eight bits (vLLM: get_cache_scale_mapper)."""


@dataclass(frozen=True, slots=True)
class Unpacked(TensorHeader):
    """A weight with the bytes of all tensors that it lies in.

    Attributes:
        packed_bytes: of these tensors.
        is_flat: its shape is the number of its entries alone: what it is lies inside of the files, which nobody reads.
    """

    packed_bytes: int = 0
    is_flat: bool = False

    @property
    def num_bytes(self) -> int:
        """Return the size of the data in bytes."""
        return self.packed_bytes

    def fits(self, shape: Shape) -> bool:
        """Return whether it may have a shape."""
        return self.shape == ((math.prod(shape),) if self.is_flat else shape)


@dataclass(frozen=True)
class Layout:
    """How a method keeps a weight.

    Attributes:
        ending: of the name of the tensor that holds the weight's entries.
        dtypes: its data types.
        beside: endings of those that have to be there.
        more: endings of those that may be there.
        weight: what stands in place of ``ending`` in the name of the weight.
        shape: from the shapes, by ending, to the weight's; None if they do not belong together.
        source: the file of vLLM's that makes these tensors.
        is_flat: see `Unpacked`.
    """

    ending: str
    dtypes: tuple[str, ...]
    beside: tuple[str, ...]
    more: tuple[str, ...]
    weight: str
    shape: Callable[[Mapping[str, Shape]], Shape | None]
    source: str
    is_flat: bool = False


def _nvfp4(shapes: Mapping[str, Shape]) -> Shape | None:
    rows, packed = shapes[".weight"]
    return (rows, 2 * packed) if shapes[".weight_scale"] == (rows, packed // 8) else None


def _scaled(shapes: Mapping[str, Shape]) -> Shape | None:
    rows, columns = shapes[".weight"]
    return (rows, columns) if shapes[".weight_scale"] in ((rows, 1), (rows,), (1,), ()) else None


def _modelslim(shapes: Mapping[str, Shape]) -> Shape | None:
    """A scale for each output; of four bits two outputs may lie in a byte."""
    (rows, columns), scale = shapes[".weight"], shapes[".weight_scale"]
    return (scale[0], columns) if len(scale) == 2 and scale[1] == 1 and scale[0] in (rows, 2 * rows) else None


def _mxfp4(shapes: Mapping[str, Shape]) -> Shape | None:
    blocks, scales = shapes["_blocks"], shapes["_scales"]
    if len(blocks) != 4 or blocks[:3] != scales or blocks[3] != 16:
        return None
    experts, rows, groups = scales
    return (experts, 32 * groups, rows)


def _gptq(shapes: Mapping[str, Shape]) -> Shape | None:
    packed, scales, (columns,) = shapes[".qweight"], shapes[".scales"], shapes[".g_idx"]
    return (packed[1], columns) if len(packed) == 2 and scales[-1] == packed[1] else None


def _awq(shapes: Mapping[str, Shape]) -> Shape | None:
    packed, scales, zeros = shapes[".qweight"], shapes[".scales"], shapes[".qzeros"]
    fits = len(packed) == len(scales) == 2 and zeros == (scales[0], packed[1])
    return (scales[1], packed[0]) if fits else None


def _four_bits(shapes: Mapping[str, Shape]) -> Shape | None:
    """Two entries in a byte, all rows one behind the other."""
    packed, scales = shapes[".weight"], shapes[".weight.absmax"]
    return (2 * packed[0],) if packed[1] == 1 and len(scales) == 1 and scales[0] <= 2 * packed[0] else None


LAYOUTS = (
    Layout(".weight", ("U8",), (".weight_scale", ".weight_scale_2"), (".input_scale",), ".weight", _nvfp4,
           "modelopt.py: two values of four bits in a byte, 16 with a scale"),
    Layout(".weight", ("I8",), (".weight_scale", ".weight_offset"), MODELSLIM, ".weight", _modelslim,
           "vllm-ascend: quantization/methods/w8a8_static.py, w8a8_dynamic.py, w8a16.py, w4a8.py"),
    Layout(".weight", (*FP8, "I8"), (".weight_scale",), (".input_scale", *OF_THE_CACHE), ".weight", _scaled,
           "fbgemm_fp8.py, compressed_tensors/, modelopt.py, quark/: a scale for each row, or one"),
    Layout(".weight", ("U8",), (".weight.absmax", ".weight.quant_map"), FOUR_BITS, ".weight", _four_bits,
           "bitsandbytes.py: nf4, fp4", is_flat=True),
    Layout("_blocks", ("U8",), ("_scales",), (), "", _mxfp4, "mxfp4.py: [experts, out, in / 32, 16]"),
    Layout(".qweight", ("I32",), (".qzeros", ".scales", ".g_idx"), (), ".weight", _gptq, "gptq_marlin.py: rows packed"),
    Layout(".qweight", ("I32",), (".qzeros", ".scales"), (), ".weight", _awq, "awq.py: columns packed"),
)  # fmt: skip
"""In the order in which they are tried."""


def unpacked(tensors: Mapping[str, TensorHeader]) -> Mapping[str, TensorHeader]:
    """Return a checkpoint's tensors with each quantised weight as one, under the name that it has unquantised."""
    new = dict(tensors)
    dtypes = {dtype for layout in LAYOUTS for dtype in layout.dtypes}
    endings = tuple({layout.ending for layout in LAYOUTS})
    for header in [one for one in tensors.values() if one.dtype in dtypes and one.name.endswith(endings)]:
        found = next(_unpacked(header, tensors), None)
        if found is not None:
            weight, parts = found
            for part in parts:
                new.pop(part.name, None)
            new[weight.name] = weight
    return new


def _unpacked(
    header: TensorHeader, tensors: Mapping[str, TensorHeader]
) -> Iterator[tuple[TensorHeader, list[TensorHeader]]]:
    """Yield the weight that a tensor holds, with all tensors that it lies in."""
    for layout in LAYOUTS:
        if header.dtype not in layout.dtypes or not header.name.endswith(layout.ending):
            continue
        stem = header.name.removesuffix(layout.ending)
        beside = {ending: tensors.get(stem + ending) for ending in (*layout.beside, *layout.more)}
        parts = {layout.ending: header} | {ending: one for ending, one in beside.items() if one is not None}
        if not parts.keys() >= set(layout.beside) or (layout.weight == ".weight" and len(header.shape) != 2):
            continue
        shape = layout.shape({ending: one.shape for ending, one in parts.items()})
        if shape is not None:
            size = sum(part.num_bytes for part in parts.values())
            yield Unpacked(stem + layout.weight, PLAIN, shape, header.shard, size, layout.is_flat), list(parts.values())
