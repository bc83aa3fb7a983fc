"""A comment on an issue of GitHub's: posted once, whatever the network does in between.

The comment ends with a marker that nobody sees, with the digest of its text. Before each post the issue's comments are
looked through for it: after an answer that was lost, what did arrive is found and not sent again.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scaffold.common.errors import CheckFailed, EnvironmentLacks, ScaffoldError, UsageError
from scaffold.report.retries import ATTEMPTS, Again, is_passing, pause
from scaffold_validators.counted import counted
from scaffold_validators.redact import PLACEHOLDER, redact

if TYPE_CHECKING:
    from httpx import Client, Response

GITHUB = "https://api.github.com"
LONGEST = 65_536
"""Characters of a comment (GitHub: "body is too long (maximum is 65536 characters)")."""
SECONDS = 30.0
SETTLES = 10.0
"""Seconds after which a comment whose answer was lost is among the others, if it arrived."""
PER_PAGE = 100
MARKER = "<!-- scaffold report sha256:{digest} -->"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_ISSUE = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]{0,38})/([A-Za-z0-9._-]{1,100})#([1-9]\d{0,9})")
_NOT_THERE = {
    401: "a token that GitHub takes",
    403: "a token that may comment on issues of this repository",
    404: "an issue that is there, and a token that sees it",
    410: "an issue that is there: this one was deleted",
    422: "an issue that takes comments, and is not locked",
}


@dataclass(frozen=True)
class Issue:
    """An issue, as ``owner/repo#number`` names it."""

    owner: str
    repo: str
    number: int

    @property
    def path(self) -> str:
        """Return where its comments are, below the API's address."""
        return f"/repos/{self.owner}/{self.repo}/issues/{self.number}/comments"

    def __str__(self) -> str:
        return f"{self.owner}/{self.repo}#{self.number}"


@dataclass(frozen=True)
class Posted:
    """A comment that is there; ``is_new`` is false where it had been posted before."""

    url: str
    is_new: bool


def parse_issue(text: str) -> Issue:
    """Return the issue that a text names.

    Raises:
        UsageError: it names none.
    """
    found = _ISSUE.fullmatch(text)
    if found is None or found[2] in (".", ".."):
        raise UsageError(
            repr(text),
            where="--post",
            expected="OWNER/REPO#NUMBER",
            remedy="name it as GitHub does, such as org/repo#12",
        )
    return Issue(found[1], found[2], int(found[3]))


def post_comment(
    text: str, issue: Issue, token: str, api: str = GITHUB, wait: Callable[[float], None] = time.sleep
) -> Posted:
    """Post a comment, unless the issue has it already.

    Args:
        text: Markdown. Secrets that it may have are taken out.
        issue: where it goes.
        token: of somebody who may comment there; it is in no message.
        api: the address of the API, as ``GITHUB_API_URL`` has it.
        wait: waits so many seconds.

    Raises:
        EnvironmentLacks: there is no token, or the server does not answer.
        UsageError: the address is no safe one, or the text is too long.
        CheckFailed: the server refuses.
    """
    body = with_marker(redact(text))
    _check(token, api, body)
    from httpx import Client

    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
        "User-Agent": "vllm-ascend-scaffold",
    }
    is_safe = urlsplit(api).scheme == "https"  # else it is this machine's own, and certificates are not read for it
    with Client(base_url=api.rstrip("/"), headers=headers, timeout=SECONDS, verify=is_safe) as client:
        return _Poster(client, issue, body, token, wait).post()


def with_marker(text: str) -> str:
    """Return a comment's text with the marker of its digest."""
    return f"{text.rstrip()}\n\n{marker(text)}\n"


def marker(text: str) -> str:
    """Return the marker of a text, which the same text has again."""
    return MARKER.format(digest=hashlib.sha256(text.strip().encode()).hexdigest())


@dataclass(frozen=True)
class _Poster:
    client: Client
    issue: Issue
    body: str
    token: str
    wait: Callable[[float], None]

    def post(self) -> Posted:
        last, was_sent = "", False
        for attempt in range(ATTEMPTS):
            try:
                there = self._find()
                if there is not None:
                    return Posted(there, is_new=was_sent)
                was_sent = True
                answer = self._ask("POST", self.issue.path, json={"body": self.body})
                if answer is None:  # it was taken, and the answer cannot be read
                    self.wait(SETTLES)
                    there = self._find()
                    if there is None:
                        raise self._unconfirmed()
                    return Posted(there, is_new=True)
                return Posted(str(answer["html_url"]), is_new=True)
            except Again as again:
                last = self._hidden(again.why)
                seconds = pause(again, attempt)
                if seconds is None:
                    break
                self.wait(max(seconds, SETTLES if was_sent else 0.0))
        raise EnvironmentLacks(
            f"{last}, after {counted(attempt + 1, 'attempt')}",
            where=f"{self.issue} at {self.client.base_url}",
            expected="an answer as GitHub gives it",
            remedy="check GITHUB_API_URL, the network and its proxy, or call it again later: a comment that did arrive "
            "is found, and not posted twice",
        )

    def _unconfirmed(self) -> EnvironmentLacks:
        return EnvironmentLacks(
            "the comment was accepted, and is not in the list of comments",
            where=f"{self.issue} at {self.client.base_url}",
            expected="the comment's address",
            remedy="look at the issue before it is posted again",
        )

    def _find(self) -> str | None:
        """Return the address of the comment that has the marker, None if none has it."""
        mark = self.body.rstrip().rsplit("\n", 1)[-1]
        for comment in self._comments():
            if mark in str(comment.get("body") or ""):
                return str(comment.get("html_url") or "")
        return None

    def _comments(self) -> Iterator[dict[str, Any]]:
        page = 1
        while True:
            found = self._ask("GET", self.issue.path, params={"per_page": PER_PAGE, "page": page})
            yield from found
            if len(found) < PER_PAGE:
                return
            page += 1

    def _ask(self, method: str, path: str, **how: Any) -> Any:
        """Return the JSON of an answer; None of a comment that was taken, of which the answer says nothing.

        Raises:
            Again: it has to be asked again.
            CheckFailed: the server refuses.
        """
        from httpx import HTTPError, InvalidURL

        try:
            answer = self.client.request(method, path, **how)
        except (HTTPError, InvalidURL) as error:
            raise Again(f"{type(error).__name__}: {error}") from None
        if is_passing(answer):
            raise Again(f"HTTP {answer.status_code}", answer.headers)
        if not answer.is_success:
            raise self._refused(answer)
        try:
            found = answer.json()
        except ValueError:
            found = None
        if method == "POST":
            return found if isinstance(found, dict) and "html_url" in found else None
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise Again(f"HTTP {answer.status_code} with no JSON of GitHub's")
        return found

    def _refused(self, answer: Response) -> ScaffoldError:
        return CheckFailed(
            f"HTTP {answer.status_code} ({self._hidden(answer.text[:200])})",
            where=str(self.issue),
            expected=_NOT_THERE.get(answer.status_code, "an issue at this address, under its present name"),
            remedy="correct the issue's name, or the token in GITHUB_TOKEN",
        )

    def _hidden(self, text: str) -> str:
        return redact(text.replace(self.token, PLACEHOLDER))


def _check(token: str, api: str, body: str) -> None:
    if not token:
        raise EnvironmentLacks(
            "no token",
            where="the variable GITHUB_TOKEN",
            expected="a token that may comment on issues",
            remedy="set it in the environment; it is never an argument, where others could see it",
        )
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise UsageError(
            "characters that no token has",
            where="the variable GITHUB_TOKEN",
            expected="a token, without spaces and line ends",
            remedy="correct it",
        )
    address = urlsplit(api)
    if address.scheme != "https" and not (address.scheme == "http" and address.hostname in LOOPBACK):
        raise UsageError(
            repr(api),
            where="the variable GITHUB_API_URL",
            expected="an address that begins with https://",
            remedy="correct it, or leave it out for GitHub's own",
        )
    if len(body) > LONGEST:
        raise UsageError(
            f"{len(body):,} characters",
            where="the comment",
            expected=f"at most {LONGEST:,}, as GitHub takes",
            remedy="write it with --comment, shorten it, and post it by hand",
        )
