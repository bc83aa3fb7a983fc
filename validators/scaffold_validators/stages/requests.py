"""What stages dummy and real ask: some text, and of a model that sees, a picture too."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold_validators.openai_api import Client, Exchange, image_request, text_request
from scaffold_validators.stages.stage import Answers, Ask, Gate


def prepare(gate: Gate) -> Ask:
    """Return what sends the requests of a gate."""

    def ask(client: Client) -> Answers:
        return Answers(tuple(_exchanges(gate, client)))

    return ask


def _exchanges(gate: Gate, client: Client) -> Iterator[Exchange]:
    name = gate.plan.served_model_name
    yield client.send(*text_request(name, gate.has_chat_template))
    if gate.is_multimodal and client.alive():
        yield client.send(*image_request(name))
