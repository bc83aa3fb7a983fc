"""One mutation of a checkpoint, chosen by a source of random choices: a seed, or Hypothesis, which shrinks them."""

from __future__ import annotations

import json
import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 7, 2**31, 2**62, 2**63, 2**64, -(2**70), 0.5, -0.0, 1e308, float("nan"), float("inf"),
    "", "x", "4096", "a\nb", "\x1b[2J", "'\"`$(id)", "{{ 7 * 7 }}", "../../etc/passwd", "/dev/zero", "\u202e", "\ud800",
    "名", "F31", "BF16", [], [0], [-1], [2**40, 2**40], [1] * 70, ["a"], [[]], [None], {}, {"a": {"b": []}}, {"": ""},
)  # fmt: skip


MAX_BYTES = 10_000_000


def mutate(directory: Path, random: Random) -> str:
    """Change a checkpoint once or a few times; return what was done."""
    return "; ".join(random.choice(MUTATIONS)(directory, random) for _ in range(random.choice((1, 1, 1, 2, 4))))


def _file(directory: Path, random: Random, *endings: str) -> Path:
    """Choose a file. Links are never chosen, so that nothing outside of the directory is written to."""
    names = sorted(p.name for p in directory.iterdir() if _is_own(p) and p.name.endswith(endings or ("",)))
    if names:
        return directory / random.choice(names)
    fresh = directory / f"fresh-{len(list(directory.iterdir()))}{endings[0] if endings else ''}"
    fresh.touch()
    return fresh


def _is_own(path: Path) -> bool:
    status = path.lstat() if os.path.lexists(path) else None
    return status is not None and stat.S_ISREG(status.st_mode) and status.st_size < MAX_BYTES


def _read(path: Path) -> bytes:
    return path.read_bytes()


def flip(directory: Path, random: Random) -> str:
    """Change bytes, mostly near the start, where headers lie."""
    path = _file(directory, random)
    raw = bytearray(_read(path)) or bytearray(b"\0")
    for _ in range(random.choice((1, 2, 8))):
        near = random.randrange(min(len(raw), random.choice((8, 64, 1024, 1 << 30))))
        raw[near] = random.randrange(256)
    path.write_bytes(bytes(raw))
    return f"bytes of {path.name}"


def splice(directory: Path, random: Random) -> str:
    """Cut, double or insert a stretch of bytes."""
    path = _file(directory, random)
    raw = _read(path)
    begin = random.randrange(len(raw) + 1)
    end = min(len(raw), begin + random.choice((1, 2, 9, 100, 5000)))
    middle = random.choice((b"", raw[begin:end] * 2, b"\0", b"{", b"]", b'"', b",", b"[" * 3000, b"\xff\xfe"))
    path.write_bytes(raw[:begin] + middle + raw[end:])
    return f"a stretch of {path.name}"


def cut(directory: Path, random: Random) -> str:
    """Make a file shorter or longer."""
    path = _file(directory, random)
    size = len(_read(path))
    with path.open("r+b") as file:
        file.truncate(random.choice((0, 1, 8, max(0, size - 1), size + 1, size // 2, 2**33)))
    return f"the length of {path.name}"


def value(directory: Path, random: Random) -> str:
    """Replace a value somewhere in a JSON file by a hostile one, or take it out, or name it otherwise."""
    path = _file(directory, random, ".json")
    try:
        document = json.loads(_read(path))
    except (ValueError, RecursionError):
        return "nothing"
    path.write_text(json.dumps(_changed(document, random)))
    return f"a value of {path.name}"


def entry(directory: Path, random: Random) -> str:
    """The same in a header, with its length made right."""
    path = _file(directory, random, ".safetensors")
    raw = _read(path)
    try:
        (length,) = struct.unpack("<Q", raw[:8])
        document = json.loads(raw[8 : 8 + length])
    except (ValueError, struct.error, OverflowError, RecursionError):
        return "nothing"
    text = json.dumps(_changed(document, random), ensure_ascii=random.choice((True, False)))
    header = text.encode("utf-8", "replace")
    if random.choice((True, False, False)):
        first, _, rest = header.partition(b",")
        header = first + b"," + first[1:] + b"," + rest  # a key twice, often
    path.write_bytes(struct.pack("<Q", len(header)) + header + raw[8 + length :])
    return f"the header of {path.name}"


def _changed(document: Any, random: Random) -> Any:
    """Return the document with one place changed."""
    if not isinstance(document, (dict, list)) or not document or random.randrange(5) == 0:
        return random.choice(HOSTILE)
    if isinstance(document, list):
        place = random.randrange(len(document))
        return [*document[:place], _changed(document[place], random), *document[place + 1 :]]
    key = random.choice(sorted(document))
    result = dict(document)
    kind = random.randrange(8)
    if kind == 0:
        del result[key]
    elif kind == 1:
        other = random.choice(HOSTILE)
        result[other if isinstance(other, str) else key + "x"] = result.pop(key)
    else:
        result[key] = _changed(result[key], random)
    return result


def length(directory: Path, random: Random) -> str:
    """Make the length of a header absurd."""
    path = _file(directory, random, ".safetensors")
    raw = _read(path)
    absurd = random.choice((0, 1, 2, 7, 10**6, 10**8, 2**32, 2**63, 2**64 - 1))
    path.write_bytes(struct.pack("<Q", absurd) + raw[8:])
    return f"the header length of {path.name}"


def deep(directory: Path, random: Random) -> str:
    """Nest deeply."""
    path = _file(directory, random, ".json")
    levels = random.choice((60, 70, 990, 100_000))
    opening, closing = random.choice(((b'{"a":', b"}"), (b"[", b"]")))
    path.write_bytes(b'{"x":' + opening * levels + b"1" + closing * levels + b"}")
    return f"{levels} levels in {path.name}"


def special(directory: Path, random: Random) -> str:
    """Put something else in the place of a file."""
    path = _file(directory, random)
    path.unlink(missing_ok=True)
    what = random.choice(("nothing", "link", "device", "loop", "fifo", "folder", "empty"))
    if what == "link":
        path.symlink_to(random.choice(("../outside", "config.json", "..", "nowhere")))
    elif what == "device":
        path.symlink_to(random.choice(("/dev/zero", "/dev/null", "/dev/tty")))
    elif what == "loop":
        path.symlink_to(path.name)
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "empty":
        path.touch()
    return f"{what} for {path.name}"


def further(directory: Path, random: Random) -> str:
    """Add a file."""
    names = (
        "x.safetensors", "consolidated.safetensors", "a\nb.safetensors", "\x1b[2J.safetensors", "model.safetensors",
        "model.safetensors.index.json", "quant_model_description.json", "tokenizer_config.json", "évil.py",
    )  # fmt: skip
    path = directory / random.choice(names)
    if not os.path.lexists(path):
        path.write_bytes(random.choice((b"", b"{}", b"null", _read(_file(directory, random)))))
    return f"a file {path.name!r}"


MUTATIONS: tuple[Callable[[Path, Random], str], ...] = (
    flip, splice, cut, value, value, value, entry, entry, entry, length, deep, special, further,
)  # fmt: skip
