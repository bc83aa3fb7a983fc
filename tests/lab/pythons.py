"""The Pythons of this machine: one of each release that the tool claims to run on, wherever it lies."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

CLAIMED = ("3.10", "3.11", "3.12", "3.13")
"""Releases that ``requires-python`` of pyproject.toml allows, oldest first."""
BESIDE_PATH = ("~/.pyenv/versions/*/bin", "~/.local/share/uv/python/*/bin", "/opt/python/*/bin", "/usr/local/bin")
"""Where pyenv, uv and images of PyPA keep interpreters that need not be on the path."""
ASK = "import sys; print('%d.%d' % sys.version_info[:2])"


def interpreters(releases: Iterable[str] = CLAIMED) -> dict[str, Path]:
    """Return one interpreter of each release that the machine has.

    A file that does not start, or that is another release than its name says, is passed over: pyenv puts a
    ``python3.12`` on the path for versions that are not switched on.
    """
    found = {}
    for release in releases:
        path = next((path for path in _candidates(release) if _is_release(path, release)), None)
        if path is not None:
            found[release] = path
    return found


def missing(found: Iterable[str]) -> tuple[str, ...]:
    """Return the claimed releases that were not found."""
    return tuple(release for release in CLAIMED if release not in set(found))


def _candidates(release: str) -> Iterator[Path]:
    places = [Path(place) for place in os.environ.get("PATH", "").split(os.pathsep) if place]
    for pattern in BESIDE_PATH:
        place = Path(pattern).expanduser()
        places += sorted(Path(place.anchor).glob(str(place.relative_to(place.anchor))), reverse=True)
    return (place / f"python{release}" for place in places if (place / f"python{release}").is_file())


def _is_release(path: Path, release: str) -> bool:
    asked = subprocess.run([path, "-c", ASK], capture_output=True, text=True, check=False)
    return asked.returncode == 0 and asked.stdout.strip() == release
