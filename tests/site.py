"""The pages in ``docs/`` built as a site, strictly; nothing that a page loads may come from elsewhere.

``python -m tests.site``: a step of ``make lint``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).parents[1]
SITE = ROOT / "build" / "site"
LOADING = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "object": "data",
}
"""Elements that a browser loads by itself, with the attribute that says from where; ``link`` depends on its ``rel``."""
LOADING_LINKS = {"stylesheet", "preload", "modulepreload", "icon", "manifest", "preconnect", "prefetch", "dns-prefetch"}
ELSEWHERE = re.compile(r"(?:https?:)?//")
IN_STYLE = re.compile(r"""(?:url\(\s*['"]?|@import\s+['"])((?:https?:)?//[^'")\s]+)""")


class Loads(HTMLParser):
    """What a page makes a browser load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        where = given.get(LOADING.get(tag, ""), "")
        if tag == "link" and LOADING_LINKS & set(given.get("rel", "").split()):
            where = given.get("href", "")
        if ELSEWHERE.match(where):
            self.found.append(where)
        self.found += IN_STYLE.findall(given.get("style", ""))
        if "mermaid" in given.get("class", "").split():
            self.found.append("mermaid, which the theme fetches")


def loaded_from_elsewhere(text: str, suffix: str) -> list[str]:
    """Return what a file of the site makes a browser load from another host."""
    if suffix == ".css":
        return IN_STYLE.findall(text)
    page = Loads()
    page.feed(text)
    return page.found


def all_loads(site: Path) -> Iterator[str]:
    """Yield what the pages and styles of a site load from elsewhere, each with its file."""
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".css"):
            for where in loaded_from_elsewhere(path.read_text(encoding="utf-8"), path.suffix):
                yield f"{path.relative_to(site)}: {where}"


def main() -> int:
    """Build and look; return the exit code."""
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(SITE)]
    built = subprocess.run(command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=False)
    if built.returncode:
        return built.returncode
    found = list(all_loads(SITE))
    for line in found:
        print(f"loaded from elsewhere: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
