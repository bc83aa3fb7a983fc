"""Reading all tensor data of a checkpoint, several shards at a time."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaffold.checkpoint.files import regular_file, unreadable
from scaffold.checkpoint.headers import Span, read_shard
from scaffold.checkpoint.verify.scan import BLOCK, Finding, Scan
from scaffold.checkpoint.verify.sums import Expected, expected_sums
from scaffold.common.errors import CheckpointError

MAX_WORKERS = 8
"""More readers do not make a disk faster; each holds two blocks."""
SMALL = 1 << 16
"""A chunk of fewer bytes is faster to check here than to hand over."""
Advance = Callable[[int], Any]


@dataclass(frozen=True)
class ShardSum:
    """The SHA-256 of a shard, and the one that the checkpoint states for it, if any."""

    shard: str
    sha256: str
    expected: Expected | None

    @property
    def is_wrong(self) -> bool:
        """Return whether the two differ."""
        return self.expected is not None and self.expected.sha256 != self.sha256


@dataclass(frozen=True)
class Verification:
    """The result of reading a checkpoint's data."""

    tensors: int
    num_bytes: int
    findings: tuple[Finding, ...]
    sums: tuple[ShardSum, ...]

    @property
    def holds(self) -> bool:
        """Return whether there is no damage; merely suspicious data does not count."""
        return not any(f.is_damage for f in self.findings) and not any(s.is_wrong for s in self.sums)


def verify(
    directory: Path, shards: Sequence[str], sums: bool = False, advance: Advance = lambda count: None
) -> Verification:
    """Read all data.

    Args:
        directory: the checkpoint.
        shards: its files.
        sums: also compute SHA-256 sums, and compare them with those in the checkpoint.
        advance: called with the number of bytes read since the last call, from several threads.

    Raises:
        CheckpointError: a shard is damaged, or changes while it is read.
    """
    expected = expected_sums(directory, shards) if sums else {}
    stop = threading.Event()
    workers = max(1, min(MAX_WORKERS, os.cpu_count() or 1, len(shards)))
    with ThreadPoolExecutor(workers) as readers, ThreadPoolExecutor(workers) as lookers:
        jobs = [readers.submit(_Shard(directory, shard, sums, advance, stop, lookers).run) for shard in shards]
        try:
            results = [job.result() for job in jobs]
        except BaseException:
            stop.set()
            for job in jobs:
                job.cancel()
            raise
    return Verification(
        tensors=sum(result.tensors for result in results),
        num_bytes=sum(result.num_bytes for result in results),
        findings=tuple(finding for result in results for finding in result.findings),
        sums=tuple(
            ShardSum(shard, result.sha256, expected.get(shard))
            for shard, result in zip(shards, results)
            if result.sha256
        ),
    )


@dataclass(frozen=True)
class _Result:
    tensors: int
    num_bytes: int
    findings: list[Finding]
    sha256: str


class _Shard:
    """One shard: read in order, hashed in order, and checked by another thread while the next chunk is hashed."""

    def __init__(
        self,
        directory: Path,
        name: str,
        sums: bool,
        advance: Advance,
        stop: threading.Event,
        lookers: ThreadPoolExecutor,
    ) -> None:
        self.directory, self.name, self.sums, self.advance = directory, name, sums, advance
        self.stop, self.lookers = stop, lookers
        self.digest = hashlib.sha256()

    def run(self) -> _Result:
        if self.stop.is_set():
            return _Result(0, 0, [], "")
        path = regular_file(self.directory, self.name, "a safetensors file")
        shard = read_shard(self.directory / self.name)
        findings: list[Finding] = []
        spans = shard.spans()
        try:
            with path.open("rb", buffering=0) as file:
                if self.sums:
                    self.digest.update(file.read(8 + len(shard.raw)))
                else:
                    file.seek(8 + len(shard.raw))
                self.advance(8 + len(shard.raw))
                for span in spans:
                    findings += self._tensor(file.fileno(), span)
                    if self.stop.is_set():
                        break
        except OSError as error:
            raise unreadable(path, error, "a safetensors file") from error
        return _Result(len(spans), shard.file_bytes, findings, self.digest.hexdigest() if self.sums else "")

    def _tensor(self, descriptor: int, span: Span) -> list[Finding]:
        scan = Scan(span.header, span.begin)
        pending: Future[None] | None = None
        for data in self._chunks(descriptor, span):
            if pending is not None:
                pending.result()  # a tensor's chunks are looked at in order
                pending = None
            if self.sums and len(data) > SMALL:
                pending = self.lookers.submit(scan.feed, data)
                self.digest.update(data.data)
            else:
                scan.feed(data)
                if self.sums:
                    self.digest.update(data.data)
        if pending is not None:
            pending.result()
        return scan.findings()

    def _chunks(self, descriptor: int, span: Span) -> Iterator[NDArray[np.uint8]]:
        """Yield the data of a tensor. Two buffers alternate: one may still be checked while the next is filled."""
        left, turn = span.end - span.begin, 0
        buffers = [np.empty(min(BLOCK, left), np.uint8) for _ in range(2 if self.sums and left > BLOCK else 1)]
        while left and not self.stop.is_set():
            data = buffers[turn % len(buffers)][: min(BLOCK, left)]
            turn += 1
            filled = 0
            while filled < len(data):
                count = os.readv(descriptor, [data[filled:].data])
                if count == 0:
                    raise CheckpointError(
                        f"the file ends at byte {span.end - left + filled:,}",
                        where=self.name,
                        expected=f"{span.end:,} bytes, as when its header was read",
                        remedy="make sure that nothing writes to the checkpoint, and verify it again",
                    )
                filled += count
            left -= len(data)
            self.advance(len(data))
            yield data
