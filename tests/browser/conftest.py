"""A page opened from the disk in a real browser, and all that it asked for and complained of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scaffold.report.page.render import page as render
from tests.browser.chromium import chromium, lacking
from tests.report.page.made_up import large_weights, report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MILLISECONDS = 10_000
"""How long is waited for what does not come."""


@dataclass
class Opened:
    """A page in the browser.

    Attributes:
        requests: addresses that it asked for.
        complaints: what the console says, and errors of its script.
    """

    browser: Browser
    folder: Path
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def show(self, text: str, **context: Any) -> Page:
        """Open a page from the disk."""
        path = self.folder / "report.html"
        path.write_text(text, encoding="utf-8")
        shown = self.browser.new_context(reduced_motion="reduce", **context).new_page()
        shown.set_default_timeout(MILLISECONDS)
        shown.on("request", lambda request: self.requests.append(request.url))
        shown.on("console", lambda message: self.complaints.append(message.text))
        shown.on("pageerror", lambda error: self.complaints.append(str(error)))
        shown.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        shown.goto(path.as_uri())
        return shown


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser; a machine without one skips, and says what it lacks."""
    if why := lacking():
        pytest.skip(why)
    with chromium() as found:
        yield found


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Opened]:
    """A page that asks for nothing but itself, and complains of nothing."""
    made = Opened(browser, tmp_path)
    yield made
    for context in browser.contexts:
        context.close()
    assert made.complaints == []
    assert set(made.requests) == {(tmp_path / "report.html").as_uri()}


@pytest.fixture(scope="session")
def large() -> str:
    """The report of a checkpoint of 91,991 tensors."""
    return render(report(), large_weights())
