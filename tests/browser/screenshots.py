"""``make screenshots``: the pictures of docs/report.md, of the page of a model that nobody has."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from scaffold.report.page.render import page as render
from tests.browser.chromium import chromium, lacking
from tests.report.page.made_up import large_weights, report

if TYPE_CHECKING:
    from playwright.sync_api import Page

FOLDER = Path(__file__).parents[2] / "docs" / "images"
MOST = 150_000
"""Bytes of a picture."""
HEIGHT = 900
"""Of the window."""


@dataclass(frozen=True)
class Screenshot:
    """A picture of the page.

    Attributes:
        file: its name in ``docs/images/``.
        caption: what docs/report.md says of it.
        language: of the page.
        scheme: ``light`` or ``dark``.
        size: width and height of the picture in pixels.
        window: width of the window.
        corner: the element at whose upper left corner it begins.
        prepare: what a reader does before.
    """

    file: str
    caption: str
    language: str
    scheme: str
    size: tuple[int, int]
    window: int
    corner: str
    prepare: Callable[[Page], None]


def _top(page: Page) -> None:
    page.evaluate("scrollTo(0, 0)")


def _tensor(page: Page) -> None:
    for name in ("layers", "{3…60}", "mlp", "experts", "{0…255}", "up_proj", "weight"):
        page.click(f"#tree summary:has(> .name:text-is('{name}')):visible")
    page.evaluate("document.querySelector('#weights .tools').scrollIntoView()")


SCREENSHOTS = (
    Screenshot(
        "report-gates.png", "The gates of a model, with a root cause", "zh", "light", (1160, 790), 1160, "body", _top
    ),
    Screenshot(
        "report-weights.png", "A weight map of 91,991 tensors", "en", "dark", (1030, 740), 1280, ".tools", _tensor
    ),
)  # fmt: skip


def main() -> int:
    """Write the pictures; 0 if they are small enough."""
    if why := lacking():
        print(why, file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="page-") as scratch, chromium() as browser:
        path = Path(scratch) / "report.html"
        for one in SCREENSHOTS:
            path.write_text(render(report(), large_weights(), language=one.language), encoding="utf-8")
            page = browser.new_page(viewport={"width": one.window, "height": HEIGHT}, reduced_motion="reduce")
            page.emulate_media(color_scheme="dark" if one.scheme == "dark" else "light")
            page.goto(path.as_uri())
            one.prepare(page)
            target = FOLDER / one.file
            box = page.locator(one.corner).first.bounding_box()
            assert box is not None
            width, height = one.size
            page.screenshot(path=target, clip={"x": box["x"], "y": box["y"], "width": width, "height": height})
            print(f"{target}: {target.stat().st_size:,} bytes")
    return 0 if all((FOLDER / one.file).stat().st_size < MOST for one in SCREENSHOTS) else 1


if __name__ == "__main__":
    sys.exit(main())
