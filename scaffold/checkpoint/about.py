"""Everything that a checkpoint says about itself, without the meaning of its modeling source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scaffold.checkpoint import blocks, custom_code, drafts, head_size, length, modalities, nz, prediction, tokenizer
from scaffold.checkpoint.ascend_paths import Answer, ascend_paths
from scaffold.checkpoint.facts import Evidence, Fact
from scaffold.checkpoint.patterns import Pattern
from scaffold.checkpoint.quantization import Quantization, read_quantization
from scaffold.checkpoint.read import Checkpoint
from scaffold.checkpoint.text import printable
from scaffold.common.sizes import size_text


@dataclass(frozen=True)
class About:
    """A checkpoint's own facts, its tensors as patterns, its quantisation, and what vllm-ascend does with that."""

    facts: tuple[Fact, ...]
    patterns: tuple[Pattern, ...]
    quantization: Quantization | None
    paths: tuple[Answer, ...]


def about(checkpoint: Checkpoint, completed: Mapping[str, Any] | None = None) -> About:
    """Read what the files, the config and the tensors say.

    Args:
        checkpoint: the files.
        completed: the text config with what its class adds, if the class was read.

    Raises:
        CheckpointError: one of the small files beside the weights is damaged.
    """
    found = checkpoint.weights.patterns
    quantization = read_quantization(checkpoint.path, checkpoint.config, checkpoint.text_config, found)
    paths = ascend_paths(quantization.kind, quantization.methods, checkpoint.model_type) if quantization else ()
    known = tuple(_facts(checkpoint, found, quantization, paths, completed))
    return About(known, found, quantization, paths)


def _facts(
    checkpoint: Checkpoint,
    found: Sequence[Pattern],
    quantization: Quantization | None,
    paths: Sequence[Answer],
    completed: Mapping[str, Any] | None,
) -> Iterator[Fact]:
    path, text = checkpoint.path, checkpoint.text_config
    yield from drafts.facts(checkpoint)
    yield _dtypes(checkpoint, found)
    shards = checkpoint.weights.shards
    size = f"{len(checkpoint.weights.forms):,} in {len(shards):,} file{'s' if len(shards) > 1 else ''}, "
    yield Fact("tensors", size + size_text(checkpoint.weight_bytes), (Evidence("file", shards[0]),))
    yield from _quantization(quantization, paths)
    yield from blocks.facts(checkpoint.config, found)
    yield from nz.facts(found)
    yield from head_size.facts(text if completed is None else completed)
    yield from prediction.facts(text, found, checkpoint.weights.forms)
    yield from modalities.facts(path, checkpoint.config, found)
    yield from tokenizer.facts(path)
    yield from length.facts(path, text, checkpoint.model_type, completed)
    yield from custom_code.facts(path, checkpoint.auto_map)


def _dtypes(checkpoint: Checkpoint, found: Sequence[Pattern]) -> Fact:
    counts: Counter[str] = Counter()
    for pattern in found:
        counts[pattern.dtype] += pattern.count
    value = ", ".join(f"{dtype} ({count:,})" for dtype, count in counts.most_common())
    evidence = []
    for part, where in ((checkpoint.config, ""), (checkpoint.text_config, "text config: ")):
        for key in ("dtype", "torch_dtype"):
            if isinstance(part.get(key), str):
                evidence.append(Evidence("config", where + key, printable(part[key])))
        if evidence:
            break
    return Fact("data types", value, tuple(evidence))


def _quantization(quantization: Quantization | None, paths: Sequence[Answer]) -> Iterator[Fact]:
    if quantization is None:
        yield Fact("quantization", "none", ())
        return
    value = ", ".join((quantization.kind, *quantization.scheme))
    yield Fact("quantization", value, quantization.evidence)
    total = sum(part.count for part in quantization.parts)
    if total:
        shown = f"{total:,} tensors in {len(quantization.parts)} patterns; {quantization.plain:,} weights are not"
        yield Fact("quantized tensors", shown, tuple(Evidence("tensor", p.pattern) for p in quantization.parts[:3]))
    by_path: dict[tuple[str, str, str], list[str]] = {}
    for answer in paths:
        by_path.setdefault((answer.path, answer.why, answer.source), []).append(answer.device)
    for (path, why, source), devices in by_path.items():
        yield Fact(f"on {', '.join(devices)}", f"{path}: {why}", (Evidence("source", f"vllm-ascend: {source}"),))
