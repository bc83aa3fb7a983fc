"""Number formats as bits: NaN, infinity, and the size of a number, without any conversion.

In a format with infinities, numbers are ordered like their bits once the sign is removed: finite numbers, then
infinity, then NaN. So the largest bits of a chunk show whether it has any of these; a chunk is read twice in the
processor's cache and never written. Sources: IEEE 754; the OCP 8-bit floating point and microscaling specifications.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGE = 1e6
"""No weight of a published model is larger; bits that were damaged in transfer mostly are."""


@dataclass(frozen=True)
class Format:
    """A number format.

    Attributes:
        bits: the number of bits of one number.
        signed: there is a sign bit, the highest one.
        infinity: bits of infinity without sign, or None if the format has none.
        nan: the smallest bits without sign that are NaN; None if there are none, or they are elsewhere.
        only_nan: the single pattern, including the sign, that is NaN in formats without negative zero; otherwise None.
        large: the smallest bits without sign of a number over `LARGE`; None if no number of the format is that large.
    """

    bits: int
    signed: bool = True
    infinity: int | None = None
    nan: int | None = None
    only_nan: int | None = None
    large: int | None = None


def _float_bits(kind: type, unsigned: type) -> int:
    return int(np.array([LARGE], kind).view(unsigned)[0])


_F32_LARGE = _float_bits(np.float32, np.uint32)
FORMATS = {
    "F64": Format(64, infinity=0x7FF << 52, nan=(0x7FF << 52) + 1, large=_float_bits(np.float64, np.uint64)),
    "F32": Format(32, infinity=0xFF << 23, nan=(0xFF << 23) + 1, large=_F32_LARGE),
    "C64": Format(32, infinity=0xFF << 23, nan=(0xFF << 23) + 1, large=_F32_LARGE),
    "BF16": Format(16, infinity=0x7F80, nan=0x7F81, large=(_F32_LARGE >> 16) + 1),
    "F16": Format(16, infinity=0x7C00, nan=0x7C01),
    "F8_E5M2": Format(8, infinity=0x7C, nan=0x7D),
    "F8_E4M3": Format(8, nan=0x7F),
    "F8_E4M3FNUZ": Format(8, only_nan=0x80),
    "F8_E5M2FNUZ": Format(8, only_nan=0x80),
    "F8_E8M0": Format(8, signed=False, nan=0xFF),
    **{name: Format(bits, signed=False) for name, bits in
       (("BOOL", 8), ("U8", 8), ("I8", 8), ("U16", 16), ("I16", 16), ("U32", 32), ("I32", 32), ("U64", 64),
        ("I64", 64), ("F4", 8), ("F6_E2M3", 8), ("F6_E3M2", 8))},
}  # fmt: skip
"""Integers and packed formats have no NaN; only zeros and constants are detected in them. ``F8_E4M3`` is e4m3fn."""
UNSIGNED: dict[int, Any] = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}
SIGNED: dict[int, Any] = {8: np.int8, 16: np.int16, 32: np.int32, 64: np.int64}


def largest(data: NDArray[np.uint8], form: Format) -> int:
    """Return the largest bits without sign among the numbers of a chunk."""
    highest = int(data.view(UNSIGNED[form.bits]).max())
    if not form.signed:
        return highest
    sign = 1 << (form.bits - 1)
    if highest < sign:
        return highest
    # Among numbers with the sign bit the highest has the largest magnitude; those without are what is left above zero
    return max(highest - sign, int(data.view(SIGNED[form.bits]).max()), 0)


def magnitudes(data: NDArray[np.uint8], form: Format) -> NDArray[Any]:
    """Return the bits of each number without sign. Used only for chunks in which something was found."""
    numbers: NDArray[Any] = data.view(UNSIGNED[form.bits])
    return numbers & UNSIGNED[form.bits]((1 << (form.bits - 1)) - 1) if form.signed else numbers
