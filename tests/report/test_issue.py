"""The comment is posted once, whatever a real server does in between; the token is in no message."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import formatdate

import pytest

from scaffold.common.errors import CheckFailed, EnvironmentLacks, ScaffoldError, UsageError
from scaffold.report.issue import LONGEST, Issue, Posted, marker, parse_issue, post_comment
from tests.report.fake_github import FakeGitHub, fake_github
from tests.rows import each

TOKEN = "ghx-secret-0123456789"
ISSUE = Issue("org", "repo", 12)
PATH = "/repos/org/repo/issues/12/comments"
OK = ""
LOOK, POST = ("GET", PATH), ("POST", PATH)


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with fake_github(FakeGitHub()) as state:
        yield state


def post(github: FakeGitHub, text: str = "it works", waits: list[float] | None = None) -> Posted:
    return post_comment(text, ISSUE, TOKEN, github.url, ([] if waits is None else waits).append)


def test_it_is_posted_and_found_again(github: FakeGitHub) -> None:
    github.comments = ["a comment"] * 101  # of two pages
    assert post(github) == Posted("https://x/102", is_new=True)
    assert github.comments[101:] == [f"it works\n\n{marker('it works')}\n"]
    assert post(github) == Posted("https://x/102", is_new=False)
    assert post(github, "it works better").is_new
    assert len(github.comments) == 103
    assert github.tokens == {f"Bearer {TOKEN}"}


FAILS = [
    # what fails in turn, what is asked, the pauses
    ([OK, (503, {})], [LOOK, POST, LOOK, POST], [10.0]),
    ([(500, {}), OK], [LOOK, LOOK, POST], [1.0]),
    ([(429, {"Retry-After": "7"})], [LOOK, LOOK, POST], [7.0]),
    ([OK, (429, {"Retry-After": "70"})], [LOOK, POST, LOOK, POST], [70.0]),
    ([(403, {"Retry-After": "3"}), (502, {}), (504, {})], [LOOK, LOOK, LOOK, LOOK, POST], [3.0, 2.0, 4.0]),
    ([OK, "lost"], [LOOK, POST, LOOK], [10.0]),  # it had arrived
    ([OK, "lost", (503, {})], [LOOK, POST, LOOK, LOOK], [10.0, 10.0]),
    ([OK, "broken"], [LOOK, POST, LOOK, POST], [10.0]),
    (["broken", "broken"], [LOOK, LOOK, LOOK, POST], [1.0, 2.0]),
    ([OK, "mute"], [LOOK, POST, LOOK], [10.0]),  # it was taken
]


@pytest.mark.parametrize(("fails", "asked", "pauses"), FAILS, ids=str)
def test_it_is_there_once_after_failures(
    github: FakeGitHub, fails: list[object], asked: list[tuple[str, str]], pauses: list[float]
) -> None:
    github.fails, waits = list(fails), []
    assert post(github, waits=waits) == Posted("https://x/1", is_new=True)
    assert (github.asked, waits, len(github.comments)) == (asked, pauses, 1)


def test_a_date_to_retry_after_is_waited_for(github: FakeGitHub) -> None:
    waits: list[float] = []
    github.fails = [(429, {"Retry-After": formatdate(usegmt=True)})]
    post(github, waits=waits)
    assert waits == [0.0]


REFUSED = [
    ([(404, {})], CheckFailed, "an issue that is there"),
    ([OK, (403, {})], CheckFailed, "a token that may comment"),
    ([(401, {})], CheckFailed, "a token that GitHub takes"),
    ([OK, (422, {})], CheckFailed, "not locked"),
    ([(301, {"Location": "https://elsewhere"})], CheckFailed, "its present name"),
    ([(503, {})] * 9, EnvironmentLacks, "HTTP 503, after 5 attempts"),
    ([(429, {"Retry-After": "86400"})], EnvironmentLacks, "HTTP 429, after 1 attempt"),
    ([OK, "lost", *["broken"] * 9], EnvironmentLacks, "is found, and not posted twice"),
    ([OK, "hidden"], EnvironmentLacks, "was accepted, and is not in the list"),
]


@pytest.mark.parametrize(("fails", "kind", "says"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_is_refused_is_said_without_the_token(
    github: FakeGitHub, fails: list[object], kind: type[ScaffoldError], says: str
) -> None:
    github.fails = list(fails)
    with pytest.raises(kind) as caught:
        post(github)
    assert says in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert len(github.comments) == ("lost" in fails)


def test_one_that_was_accepted_is_posted_once_only(github: FakeGitHub) -> None:
    github.fails = [OK, "hidden"]
    with pytest.raises(EnvironmentLacks):
        post(github)
    assert github.asked == [LOOK, POST, LOOK]


def test_a_comment_that_arrived_before_the_end_is_not_posted_by_the_next_call(github: FakeGitHub) -> None:
    github.fails = [OK, "lost", *["broken"] * 4]
    with pytest.raises(EnvironmentLacks):
        post(github)
    github.fails = []
    assert post(github) == Posted("https://x/1", is_new=False)
    assert len(github.comments) == 1


@pytest.mark.parametrize("api", ["http://api.example.com", "ftp://127.0.0.1", "api.github.com"])
def test_a_token_is_not_sent_in_the_clear(api: str) -> None:
    with pytest.raises(UsageError, match="GITHUB_API_URL"):
        post_comment("text", ISSUE, TOKEN, api)


@pytest.mark.parametrize("token", ["", "two words", "line\nend", "ключ"])
def test_what_is_no_token_is_said_without_it(token: str) -> None:
    with pytest.raises(ScaffoldError, match="GITHUB_TOKEN") as caught:
        post_comment("text", ISSUE, token, "https://api.github.com")
    assert not token or token not in str(caught.value)


def test_a_comment_that_github_would_not_take_is_not_sent() -> None:
    with pytest.raises(UsageError, match="at most 65,536"):
        post_comment("x" * LONGEST, ISSUE, TOKEN, "https://api.github.com")


@each("text", ["", "org/repo", "org/repo#", "org/repo#0", "org/../x#1", "a b/c#1", "org/..#1", "-o/r#1"])
def test_what_names_no_issue_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="OWNER/REPO#NUMBER"):
        parse_issue(text)


def test_an_issue_is_named_as_github_does() -> None:
    assert parse_issue("org/re.po_1#12") == Issue("org", "re.po_1", 12)
