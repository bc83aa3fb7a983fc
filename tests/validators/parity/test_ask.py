"""What is asked of a server, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from scaffold_validators.openai_api import Exchange
from scaffold_validators.parity.ask import NotAnswered, ask_server, max_model_len
from scaffold_validators.parity.prompts import NEW_TOKENS

PROMPT = (5, 9, 7)
GREEDY = tuple(range(20, 20 + NEW_TOKENS))


@dataclass
class Server:
    """A client whose server answers so."""

    generated: tuple[int, ...] = GREEDY
    status: int = 200
    body: Any = None

    def send(self, path: str, payload: dict[str, Any] | None) -> Exchange:
        entries = [None, {"9": {"logprob": -1.0}}, {"7": {"logprob": -2.0}}]
        after = [-0.1 * n for n in range(len(self.generated))]
        logprobs = {"token_logprobs": after}
        choice = {"prompt_logprobs": entries, "token_ids": list(self.generated), "logprobs": logprobs}
        return Exchange(path, payload, self.status, self.body or {"choices": [choice]}, 0.1)


def test_prompt_and_answer_are_one_sequence() -> None:
    (said,) = ask_server(Server(), "nova", [PROMPT])  # type: ignore[arg-type]
    assert said.tokens == (*PROMPT, *GREEDY)
    assert said.logprobs[:3] == (-1.0, -2.0, 0.0)
    assert len(said.logprobs) == len(said.tokens) - 1


@pytest.mark.parametrize(
    ("server", "says"),
    [
        (Server(status=500), "answered 500"),
        (Server(generated=GREEDY[:5]), "answered 5 tokens"),
        (Server(body={"choices": [{"text": "hello"}]}), "without log probabilities"),
    ],
    ids=["no answer", "too few tokens", "no log probabilities"],
)
def test_anything_else_is_no_answer(server: Server, says: str) -> None:
    with pytest.raises(NotAnswered, match=says):
        ask_server(server, "nova", [PROMPT])  # type: ignore[arg-type]


def test_the_server_says_how_many_tokens_it_takes() -> None:
    assert max_model_len(Server(body={"data": [{"id": "nova", "max_model_len": 512}]})) == 512  # type: ignore[arg-type]
    with pytest.raises(NotAnswered, match="without max_model_len"):
        max_model_len(Server(body={"data": [{"id": "nova"}]}))  # type: ignore[arg-type]
