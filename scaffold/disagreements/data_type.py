"""The data type that the config names, and that of most bytes."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import Subject

KIND = "data type"
DTYPES = {"float32": "F32", "bfloat16": "BF16", "float16": "F16"}


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield where they differ: vLLM computes in the config's type, and converts the weights to it."""
    key = next((key for key in ("dtype", "torch_dtype") if isinstance(subject.text.get(key), str)), "")
    expected = DTYPES.get(subject.text[key].removeprefix("torch.")) if key else None
    bytes_of: dict[str, int] = {}
    for pattern in subject.own:
        if pattern.dtype in DTYPES.values():
            bytes_of[pattern.dtype] = bytes_of.get(pattern.dtype, 0) + pattern.total_bytes
    most = max(bytes_of, key=lambda dtype: bytes_of[dtype], default=None)
    quantised = any(p.dtype not in DTYPES.values() and len(p.shape) > 1 for p in subject.own)
    if expected is not None and most is not None and most != expected and not quantised:
        yield Disagreement(
            KIND,
            subject.said(key),
            Said(", ".join(sorted(bytes_of)), f"most bytes are {most}"),
            remedy="pass --dtype to vllm serve where the config's type is not the one to compute in",
        )
