"""One tensor's data, chunk by chunk, checked for values that should not be there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaffold.checkpoint.headers import TensorHeader
from scaffold.checkpoint.verify.bits import FORMATS, LARGE, UNSIGNED, Format, largest, magnitudes

BLOCK = 1 << 20
"""Bytes of a chunk, which fits into a processor's cache; and of a block of zeros that is worth reporting."""
DAMAGE = ("NaN", "infinity")
SUSPICIOUS = ("zeros", "zero block", "constant", "magnitude")


@dataclass(frozen=True)
class Finding:
    """Something in a tensor's data.

    Attributes:
        kind: one of `DAMAGE` or `SUSPICIOUS`.
        tensor: its name.
        shard: its file.
        count: how many numbers; for a zero block, how many blocks.
        index: of the first of them, in the flattened tensor.
        byte: of the first of them, in the file.
        says: in words.
    """

    kind: str
    tensor: str
    shard: str
    count: int
    index: int
    byte: int
    says: str

    @property
    def is_damage(self) -> bool:
        """Return whether no model can be correct with it."""
        return self.kind in DAMAGE


class Scan:
    """The state of one tensor while its chunks are read, in order."""

    def __init__(self, header: TensorHeader, begin: int) -> None:
        self.header, self.begin = header, begin
        self.form: Format = FORMATS[header.dtype]
        self.width = self.form.bits // 8
        self.position = 0
        self.largest = 0
        self.first: bytes | None = None
        self.constant = True
        self.counts: dict[str, tuple[int, int]] = {}
        """Kind → how many, and the index of the first."""

    def feed(self, data: NDArray[np.uint8]) -> None:
        """Take the next chunk. Chunks hold whole numbers."""
        form = self.form
        top = largest(data, form)
        self.largest = max(self.largest, top)
        if top == 0 and len(data) == BLOCK:
            self._count("zero block", 1, 0)
        if form.nan is not None and top >= form.nan:
            self._locate("NaN", magnitudes(data, form) >= form.nan)
        if form.infinity is not None and top >= form.infinity:
            self._locate("infinity", magnitudes(data, form) == form.infinity)
        if form.only_nan is not None:
            odd = data == form.only_nan
            if odd.any():
                self._locate("NaN", odd)
        if form.large is not None and top >= form.large:
            bits = magnitudes(data, form)
            self._locate("magnitude", (bits >= form.large) & (bits < (form.infinity or 0)))
        if self.constant:
            self._see_constant(data)
        self.position += len(data)

    def _see_constant(self, data: NDArray[np.uint8]) -> None:
        if self.first is None:
            self.first = data[: self.width].tobytes()
        numbers = data.view(UNSIGNED[self.form.bits])
        first = int.from_bytes(self.first, "little")
        # Nearly every tensor is told by its first numbers
        self.constant = bool((numbers[:64] == first).all()) and bool((numbers == first).all())

    def _locate(self, kind: str, where: NDArray[np.bool_]) -> None:
        count = int(np.count_nonzero(where))
        if count:
            self._count(kind, count, int(where.argmax()))

    def _count(self, kind: str, count: int, offset: int) -> None:
        before, first = self.counts.get(kind, (0, self.position // self.width + offset))
        self.counts[kind] = (before + count, first)

    def findings(self) -> list[Finding]:
        """Return what was found, after the last chunk."""
        if self.position == 0:
            return []
        is_matrix = len(self.header.shape) > 1
        found = []
        numbers = self.position // self.width
        if self.largest == 0:
            if is_matrix:
                found.append(self._finding("zeros", numbers, 0, "all zero"))
        elif self.constant and numbers > 1 and is_matrix:
            found.append(self._finding("constant", numbers, 0, "the same number everywhere"))
        for kind, (count, first) in self.counts.items():
            if kind != "zero block":
                says = (
                    f"{count:,} of {numbers:,} over {LARGE:g}" if kind == "magnitude" else f"{count:,} of {numbers:,}"
                )
                found.append(self._finding(kind, count, first, says))
            elif self.largest:
                says = f"{count:,} blocks of {BLOCK // 2**20} MiB that are zero, in a tensor that is not"
                found.append(self._finding(kind, count, first, says))
        return found

    def _finding(self, kind: str, count: int, index: int, says: str) -> Finding:
        header = self.header
        return Finding(kind, header.name, header.shard, count, index, self.begin + index * self.width, says)
