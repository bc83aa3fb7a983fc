"""Two tensors of a checkpoint compared by a few of their rows: a megabyte is read at most."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np

from scaffold.checkpoint.headers import read_shard
from scaffold.checkpoint.read import Checkpoint

ROWS = 8
MAX_BYTES = 65_536
"""Of one row."""
KINDS: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "F64": np.dtype("<f8"),
    "BF16": np.dtype("<u2"),
}


class Comparison(Enum):
    """What came of it; the value says why where nothing did."""

    SAME = "the same"
    DIFFERENT = "different"
    OTHER_FORM = "their shapes or data types differ, or are packed"
    ZEROS = "all rows that were read are zeros, as in a file that holds no data"
    NOT_READ = "there are no files to read"


def compared(checkpoint: Checkpoint, first: str, second: str) -> Comparison:
    """Compare rows at even distances. Rows of zeros alone (a sparse file) show nothing."""
    forms = checkpoint.weights.forms
    if any(forms[name].dtype not in KINDS or forms[name].shape != forms[first].shape for name in (first, second)):
        return Comparison.OTHER_FORM
    count = forms[first].shape[0]
    places = sorted({round(n * (count - 1) / max(1, ROWS - 1)) for n in range(min(ROWS, count))})
    pairs = list(zip(_rows(checkpoint, first, places), _rows(checkpoint, second, places)))
    if any(not np.array_equal(one, other, equal_nan=True) for one, other in pairs):
        return Comparison.DIFFERENT
    return Comparison.SAME if any(one.any() for one, _ in pairs) else Comparison.ZEROS


def _rows(checkpoint: Checkpoint, name: str, places: list[int]) -> list[Any]:
    form = checkpoint.weights.forms[name]
    path = checkpoint.path / form.shard
    begin = next(span.begin for span in read_shard(path).spans() if span.header.name == name)
    size = form.num_bytes // max(1, form.shape[0])
    read = min(size, MAX_BYTES) // KINDS[form.dtype].itemsize * KINDS[form.dtype].itemsize
    found = []
    with path.open("rb") as file:
        for place in places:
            file.seek(begin + place * size)
            found.append(_numbers(file.read(read), form.dtype))
    return found


def _numbers(raw: bytes, dtype: str) -> Any:
    values = np.frombuffer(raw, KINDS[dtype])
    return (values.astype("<u4") << 16).view("<f4") if dtype == "BF16" else values
