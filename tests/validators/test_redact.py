"""Secrets never stay in what is kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scaffold_validators.redact import redact
from tests.rows import each

SECRET = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=20, max_size=40).filter(
    lambda text: not text.isdigit()
)
FORMS = (
    "Authorization: Bearer {}",
    "--api-key {}",
    "--api-key={}",
    "HF_TOKEN={}",
    "'hf_token': '{}'",
    '"api_key": "{}"',
    "hf_{}",
    "sk-{}",
    "password={}",
)


@given(secret=SECRET, form=st.sampled_from(FORMS), around=st.sampled_from(("", "x ", "line\n")))
def test_no_form_of_a_secret_survives(secret: str, form: str, around: str) -> None:
    assert secret not in redact(around + form.format(secret) + "\nmore")


@each(
    "text",
    [
        "max_tokens=16",
        "'tokenizer': '/models/nova'",
        "api_key=None",
        "prompt_tokens: 12, completion_tokens: 16",
        "INFO Loading weights took 0.05 seconds",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_a_long_word_takes_no_longer_than_its_length() -> None:
    """The name of a secret was looked for anew from each letter on: minutes for one long word."""
    words = ("x" * 65_536, "-token" * 10_000, "secret-" * 10_000 + "token=abcdefgh")
    assert [redact(word) == word for word in words] == [True, True, False]
