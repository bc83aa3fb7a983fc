"""The machine's Chromium, driven over its own protocol: nothing of it is on the network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable() -> str | None:
    """Return the browser of this machine; None where it has none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def lacking() -> str:
    """Return why no browser can be driven here, and what to do; empty where one can."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed: pip install --editable '.[browser]'"
    return "" if executable() else f"none of {', '.join(NAMES)} is on the path: apt-get install chromium"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser without a window, with a profile of its own, and end it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable(), args=list(OPTIONS))
        try:
            yield browser
        finally:
            browser.close()
