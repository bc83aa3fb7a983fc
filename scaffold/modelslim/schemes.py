"""The tensors that each word of ModelSlim stands for: names, shapes and types, and which numbers of ranks share them.

A table: one row for each word and kind of layer. Shapes are those of one module of the checkpoint, such as ``q_proj``,
with ``out`` rows and ``in`` columns; a layer of experts has them for each expert's projection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

Shape = tuple[int, ...]
FLOATS = ("F32", "F16", "BF16")
NEW = "1.0.0"
"""``version`` of the description whose W4A8 weights hold two values in a byte."""
COLUMN, ROW, NONE = "column", "row", "none"
"""How the ranks of tensor parallelism share a module: its outputs, its inputs, or not at all."""


@dataclass(frozen=True)
class Module:
    """A module of the checkpoint.

    Attributes:
        out: its outputs.
        into: its inputs.
        shared: ``COLUMN``, ``ROW`` or ``NONE``.
        is_expert: whether it is a projection of an expert.
        group: inputs that share a scale; 0 for one scale for each output.
        version: of the description.
    """

    out: int
    into: int
    shared: str = COLUMN
    is_expert: bool = False
    group: int = 256
    version: str = "0"

    @property
    def groups(self) -> int:
        """Return the number of scales of a row."""
        return self.into // self.group if self.group else 1

    @property
    def is_packed(self) -> bool:
        """Return whether two values of four bits lie in a byte."""
        return self.version == NEW


@dataclass(frozen=True)
class Tensor:
    """A tensor beside others.

    Attributes:
        leaf: the last part of its name.
        shape: its shape; None where there is none.
        dtypes: its data types.
        required: whether it is loaded, rather than computed or left as it is.
    """

    leaf: str
    shape: Callable[[Module], Shape | None]
    dtypes: tuple[str, ...]
    required: bool = True


@dataclass(frozen=True)
class Scheme:
    """What a word stands for.

    Attributes:
        tensors: of a module; the first holds the weight.
        sizes: outputs and inputs from the shape of the first.
        unfit: why a number of ranks cannot serve it; nothing if it can.
        source: the file of vllm-ascend's that makes these parameters.
        group: ``group_size`` where the description does not say it.
    """

    tensors: tuple[Tensor, ...]
    sizes: Callable[[Shape, str], Shape]
    unfit: Callable[[Module, int], Iterator[str]]
    source: str
    group: int = 256


def _plain_sizes(shape: Shape, version: str) -> Shape:
    return shape


def _packed_rows(shape: Shape, version: str) -> Shape:
    return (2 * shape[0], shape[1]) if version == NEW else shape


def _packed_columns(shape: Shape, version: str) -> Shape:
    return shape[0], 8 * shape[1]


def _whole(module: Module) -> Shape:
    return module.out, module.into


def _half(module: Module) -> Shape:
    return module.out // 2 if module.is_packed else module.out, module.into


def _eighth(module: Module) -> Shape:
    return module.out, module.into // 8


def _rows(module: Module) -> Shape:
    return (module.out,)


def _channels(module: Module) -> Shape:
    return module.out, 1


def _one(module: Module) -> Shape:
    return (1,)


def _two(module: Module) -> Shape:
    return (2,)


def _grouped(module: Module) -> Shape | None:
    return (module.out, module.groups) if module.group else None


def _by_group(module: Module) -> Shape:
    return module.out, module.groups


def _scale_bias(module: Module) -> Shape | None:
    return (module.out, 16 if module.shared == ROW else 1) if module.is_packed else None


def _evenly(module: Module, ranks: int) -> Iterator[str]:
    """Outputs or inputs are shared evenly (linear.py of vLLM: ``divide``)."""
    size = {COLUMN: module.out, ROW: module.into, NONE: ranks}[module.shared]
    if size % ranks:
        what = "outputs" if module.shared == COLUMN else "inputs"
        yield f"{size:,} {what} cannot be shared evenly by {ranks} ranks"


def _w4a8(module: Module, ranks: int) -> Iterator[str]:
    yield from _evenly(module, ranks)
    inputs = module.into // ranks if module.shared == ROW else module.into
    if module.group and inputs % module.group:
        yield f"a rank's {inputs:,} inputs are no whole number of groups of {module.group}"
    outputs = module.out // ranks if module.shared == COLUMN else module.out
    if module.is_packed and outputs % 8:
        yield f"a rank's {outputs:,} outputs of four bits are no whole number of int32 (w4a8.py asserts it)"
    if module.is_packed and module.is_expert and ranks > 16:
        yield "experts whose scale_bias has 16 columns go to 16 ranks at most"


def _w4a16(module: Module, ranks: int) -> Iterator[str]:
    yield from _evenly(module, ranks)
    inputs = module.into // ranks if module.shared == ROW else module.into
    for size, what in ((8, "packed int32"), (module.group, "groups")):
        if size and inputs % size:
            yield f"a rank's {inputs:,} inputs are no whole number of {what} of {size}"


_SCALES = (
    Tensor("weight_scale", _channels, FLOATS),
    Tensor("weight_offset", _channels, FLOATS, required=False),
)
_STATIC = (
    Tensor("weight", _whole, ("I8",)),
    Tensor("input_scale", _one, FLOATS),
    Tensor("input_offset", _one, ("I8", *FLOATS)),
    Tensor("quant_bias", _rows, ("I32",)),
    Tensor("deq_scale", _rows, ("F32", "I64")),
    Tensor("weight_scale", _channels, FLOATS, required=False),
    Tensor("weight_offset", _channels, FLOATS, required=False),
)
_DYNAMIC = (Tensor("weight", _whole, ("I8",)), *_SCALES)
_FOUR_BITS = (
    Tensor("weight", _half, ("I8",)),
    *_SCALES,
    Tensor("weight_scale_second", _grouped, FLOATS),
    Tensor("weight_offset_second", _grouped, (*FLOATS, "I64"), required=False),
    Tensor("scale_bias", _scale_bias, ("F32",)),
)
_FOUR_BITS_16 = (
    Tensor("weight_packed", _eighth, ("I32",)),
    Tensor("weight_scale", _by_group, FLOATS),
    Tensor("weight_shape", _two, ("I32", "I64"), required=False),
    Tensor("weight_offset", _by_group, FLOATS, required=False),
)
METHODS = "vllm_ascend/quantization/methods/"
SCHEMES: dict[tuple[str, str], Scheme] = {
    ("W8A8", "linear"): Scheme(_STATIC, _plain_sizes, _evenly, METHODS + "w8a8_static.py"),
    ("W8A8_MIX", "linear"): Scheme(_STATIC, _plain_sizes, _evenly, METHODS + "w8a8_pdmix.py"),
    ("W8A8_DYNAMIC", "linear"): Scheme(_DYNAMIC, _plain_sizes, _evenly, METHODS + "w8a8_dynamic.py"),
    ("W8A8_DYNAMIC", "moe"): Scheme(_DYNAMIC, _plain_sizes, _evenly, METHODS + "w8a8_dynamic.py"),
    ("W8A16", "linear"): Scheme(_DYNAMIC, _plain_sizes, _evenly, METHODS + "w8a16.py"),
    ("W4A8_DYNAMIC", "linear"): Scheme(_FOUR_BITS, _packed_rows, _w4a8, METHODS + "w4a8.py"),
    ("W4A8_DYNAMIC", "moe"): Scheme(_FOUR_BITS, _packed_rows, _w4a8, METHODS + "w4a8.py"),
    ("W4A16", "moe"): Scheme(_FOUR_BITS_16, _packed_columns, _w4a16, METHODS + "w4a16.py", group=32),
}  # fmt: skip
"""(Word, kind of layer) → what it stands for. A word without a row is not looked into, and said to be so."""
