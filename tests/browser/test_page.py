"""The report in a real browser: how fast, what is found, and that text of others is text."""

from __future__ import annotations

import re
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from scaffold.report.page.folding import unfolded
from scaffold.report.page.render import page as render
from scaffold.report.page.weights import tensors_alone
from scaffold.report.page.words import words
from tests.browser.conftest import Opened
from tests.report.page.made_up import large_weights, report
from tests.report.page.test_render import HOSTILE, hostile
from tests.report.page.test_weights import header, small

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.engine]  # as long as an engine's, of the browser's own
SIZE, OPEN, KEY = 5_000_000, 2.0, 50.0
"""Bytes of a page, processor seconds until it is there, milliseconds for a key: of 91,991 tensors."""
GATE = "model.layers.17.mlp.experts.3.gate_proj.weight"


@contextmanager
def counting_server() -> Iterator[tuple[str, list[str]]]:
    """A server on this machine: its address, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", asked
        finally:
            server.shutdown()


def found(page: Page, query: str) -> int:
    page.fill("#search", query)
    return int(re.sub(r"\D.*", "", page.inner_text("#found").replace(",", "")))


def worked(page: Page) -> float:
    """Return the processor time of a page's own process, in seconds: a clock would measure who else is at work here."""
    protocol = page.context.new_cdp_session(page)
    protocol.send("Performance.enable")
    return {one["name"]: one["value"] for one in protocol.send("Performance.getMetrics")["metrics"]}["ProcessTime"]


def test_a_large_checkpoint_opens_at_once(opened: Opened, large: str) -> None:
    assert len(large.encode()) < SIZE
    page = opened.show(large)
    page.wait_for_selector("#tree summary")
    assert 0 < worked(page) < OPEN


def test_it_is_searched_as_one_types(opened: Opened, large: str) -> None:
    page, taken = opened.show(large), []
    page.focus("#search")
    for key in "layers.17.mlp.experts.3.gate w13":
        page.keyboard.type(key)
        taken.append(float(page.get_attribute("#found", "data-milliseconds") or "inf"))
    assert statistics.median(taken) < KEY, taken
    assert page.locator("#results summary").count() == 2
    assert GATE in page.inner_text("#results")


def test_as_many_are_found_as_there_are(opened: Opened, large: str) -> None:
    page, names = opened.show(large), [name for name, _ in unfolded(large_weights().tree)]
    assert len(names) == 91_991
    for query in ("layers.17.", "EXPERTS.3. up", "model.layers.1", "scale_inv 60.", "no such", "e"):
        terms = query.lower().split()
        assert found(page, query) == sum(all(term in name.lower() for term in terms) for name in names), query
    assert found(page, "w13 layers.17.mlp.experts.3.") == 4  # gate and up, and their scales
    assert found(page, "multi-token prediction") == 1564
    assert page.locator("#results summary").count() == 100
    page.click("#results button")
    assert page.locator("#results summary").count() == 200
    page.fill("#search", "")
    assert page.is_visible("#tree")
    assert not page.is_visible("#results")


def opened_at(page: Page, *names: str) -> None:
    for name in names:
        page.click(f"#tree summary:has(> .name:text-is('{name}')):visible")


def test_layers_that_are_alike_are_folded_and_come_apart(opened: Opened, large: str) -> None:
    page = opened.show(large)
    opened_at(page, "layers", "{3…60}")
    opened_at(page, "mlp")
    opened_at(page, "experts", "{0…255}", "gate_proj", "weight")
    card = page.locator("#tree .card")
    for text in ("model.layers.{3…60}.mlp.experts.{0…255}.gate_proj.weight", "F8_E4M3 [2048, 7168]",
                 "model.layers.{3…60}.mlp.experts.w13_weight", "dequantise 128×128", "[128, 7168]"):  # fmt: skip
        assert text in card.inner_text()
    page.locator("#tree summary.singly").first.click()
    page.wait_for_selector("#tree summary:has(> .name:text-is('17'))")  # filled when it is told that it was opened


def test_the_card_of_a_tensor_says_what_its_rule_says(opened: Opened, large: str) -> None:
    page, weights = opened.show(large), large_weights()
    for name in (GATE, "lm_head.weight", "model.layers.2.self_attn.o_proj.weight"):
        page.fill("#search", name)
        page.locator("#results summary").first.click()
        (route,) = weights.weight_map.routes(name)
        text = page.locator("#results .card").first.inner_text()
        assert all(part in text for part in (name, route.rule.source, route.target))
        assert len(re.findall("✓", text)) == 6


def test_a_finding_is_at_the_rule_that_it_is_about(opened: Opened) -> None:
    page = opened.show(render(report(), small(header("odd.weight", 1), ranks=(1, 3)), language="en"))
    page.fill("#search", "layers.0.attn.q")
    page.locator("#results summary").first.click()
    card = page.locator("#results .card")
    assert "uneven: 8 heads of 16 cannot be shared evenly by 3 ranks" in card.inner_text()
    assert card.locator(".check.bad").inner_text() == "✗ every rank"
    assert card.locator("td.bad").inner_text() == "does not divide"
    page.fill("#search", "unrouted")
    assert page.locator("#results summary").inner_text().split() == [
        "odd.weight",
        "BF16",
        "[1]",
        *["no", "rule", "takes", "it"],
    ]


def test_tensors_without_rules_are_found_and_called_neither_right_nor_wrong(opened: Opened) -> None:
    tensors = {name: header(name, 4) for name in ("a.0.weight", "a.1.weight", "b.bias")}
    page = opened.show(render(report(), tensors_alone(tensors, "the spec has holes"), "en"))
    assert found(page, "weight") == 2
    assert found(page, "unrouted") == 0
    page.fill("#search", "bias")
    page.locator("#results summary").click()
    assert page.locator("#results summary").inner_text().split() == ["b.bias", "BF16", "[4]"]
    assert "not known" in page.locator("#results .card").inner_text()
    assert page.locator("#weights .bad").count() == 0


def test_what_a_rank_holds_follows_the_choice(opened: Opened, large: str) -> None:
    page = opened.show(large)
    page.fill("#search", GATE)
    held = page.locator("#results .per-rank").first
    assert held.inner_text() == "TP 16: [128, 7168]"
    page.select_option("#ranks", label="TP 4")
    assert held.inner_text() == "TP 4: [512, 7168]"


AT_ONCE = """() => {
    const press = (key) =>
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    for (const key of ["Home", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight"]) press(key);
    return document.activeElement.querySelector(".name").textContent;
}"""
"""Keys that come faster than the browser tells what they did."""


def test_keys_are_enough(opened: Opened, large: str) -> None:
    page = opened.show(large)
    focused = "document.activeElement.querySelector('.name')?.textContent"
    page.focus("#tree summary")
    for key, name in (("ArrowDown", "embed_tokens.weight"), ("ArrowDown", "norm.weight"), ("ArrowDown", "layers"),
                      ("ArrowRight", "layers"), ("ArrowRight", "{0…2}"), ("ArrowLeft", "layers"),
                      ("ArrowLeft", "layers"), ("Home", "model"), ("End", "lm_head.weight")):  # fmt: skip
        page.keyboard.press(key)
        assert page.evaluate(focused) == name
    page.keyboard.press("/")
    page.keyboard.type("norm")
    assert page.input_value("#search") == "norm"
    page.keyboard.press("Escape")
    assert page.input_value("#search") == ""
    assert page.is_visible("#tree")


def test_keys_may_come_fast(opened: Opened, large: str) -> None:
    page = opened.show(large)
    page.focus("#tree summary")
    assert page.evaluate(AT_ONCE) == "{0…2}"


def test_both_languages_are_in_the_page(opened: Opened, large: str) -> None:
    page = opened.show(large)
    page.fill("#search", "layers.17.mlp.experts.3.")
    for language, code in (("en", "en"), ("zh", "zh-CN")):
        page.click(f"[data-language={language}]")
        assert page.get_attribute("html", "lang") == code
        own = [text[language] for text in words().values()]
        left = page.evaluate("[...document.querySelectorAll('[data-t]:not([data-a])')].map((one) => one.textContent)")
        assert set(left) <= set(own)
        assert page.inner_text("#found") == words()["found"][language].format("6", "91,991")
        assert page.get_attribute("#search", "placeholder") == words()["search"][language]


def test_text_of_others_is_text(opened: Opened) -> None:
    odd = (header(f"odd.{HOSTILE}.weight", 1), header(f"model.layers.0.attn.{HOSTILE}", 1), header("\ud800\u202ea", 1))
    page = opened.show(render(hostile(), small(*odd), "en"))
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    page.wait_for_function(f"document.querySelector('#tree').textContent.includes({HOSTILE!r})")
    assert found(page, "onerror=alert") == 2
    assert HOSTILE in page.inner_text("#results")
    assert found(page, "\\u202e") == 1
    assert page.inner_text("h1") == HOSTILE
    assert page.locator("img").count() == 0


ASKS = """async (address) => {
    const image = new Image(), script = document.createElement("script");
    const loaded = new Promise((done) => { image.onload = image.onerror = done; });
    image.src = address;
    script.textContent = "window.ran = true";
    document.head.append(script);
    await Promise.all([loaded, fetch(address, { mode: "no-cors" }).catch(() => 0)]);
    return window.ran === true;
}"""
"""Asks for a picture and for data, and runs a script that is not the page's own."""


def test_nothing_can_be_asked_of_the_network(opened: Opened) -> None:
    text = render(report(), small())
    without = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    with counting_server() as (address, asked):
        assert opened.show(text).evaluate(ASKS, address) is False
        assert asked == []
        assert all("Content Security Policy" in complaint for complaint in opened.complaints)
        assert opened.show(without).evaluate(ASKS, address) is True  # it is the policy that refuses
        assert len(asked) >= 2  # a picture and data; what gets no answer it asks for again
    opened.complaints.clear()
    opened.requests[:] = [request for request in opened.requests if not request.startswith(address)]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_it_fits_a_narrow_window(opened: Opened, large: str, language: str) -> None:
    page = opened.show(large, viewport={"width": 400, "height": 800})
    page.click(f"[data-language={language}]")
    page.fill("#search", "layers.17.mlp.experts.3.")
    page.locator("#results summary").first.click()
    page.wait_for_selector("#results .card")
    assert page.evaluate("document.documentElement.scrollWidth") == 400


def test_the_difference_shows_what_was_added(opened: Opened) -> None:
    page = opened.show(render(report(), None, language="en"))
    added = page.locator("#changes .added").all_inner_texts()
    assert '+    "VegaMoeForCausalLM": "vllm_ascend.models.vega_moe:VegaMoeForCausalLM",' in added
    assert "+    ---odd = 1" in added
    colours = "getComputedStyle(document.querySelector('#changes .{}')).backgroundColor"
    assert page.evaluate(colours.format("added")) != page.evaluate(colours.format("same"))


def test_bars_lie_where_the_stages_were(opened: Opened) -> None:
    page = opened.show(render(report(), None, language="en"))
    lane = page.locator(".lane").last
    real, parity = (bar.bounding_box() for bar in (lane.locator("rect").nth(1), lane.locator("rect").nth(2)))
    assert real is not None
    assert parity is not None
    assert abs(real["x"] + real["width"] - parity["x"]) < 1
    assert "RuntimeError: The size of tensor a (128)" in page.locator(".cause").first.inner_text()


def test_what_is_folded_away_is_printed_and_fits_the_paper(opened: Opened, large: str) -> None:
    page = opened.show(large, viewport={"width": 794, "height": 1123})  # A4
    folded = page.locator("details.prints:not([open])")
    before = folded.count()
    assert before > 0
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert folded.count() == 0
    assert not page.is_visible("nav")
    assert page.evaluate("document.documentElement.scrollWidth") == 794
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert folded.count() == before


def test_it_is_dark_where_the_reader_is(opened: Opened) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    page = opened.show(render(report(), None), color_scheme="dark")
    assert page.evaluate(background) == "rgb(20, 23, 26)"
    page.emulate_media(color_scheme="light")
    assert page.evaluate(background) == "rgb(252, 252, 251)"


def test_without_scripts_all_but_the_tree_is_there(opened: Opened) -> None:
    page = opened.show(render(report(), small()), java_script_enabled=False)
    assert page.is_visible("#changes .added")
    assert "model.layers.{layer}.attn.q.weight" in page.inner_text("#weights")
