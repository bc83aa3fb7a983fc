"""Which strategy is chosen, and what is said of those before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.common.errors import CheckFailed, UsageError
from scaffold.reading.of_checkpoint import Reading, read_model_of
from scaffold.roots.vllm_tree import BACKEND_DICT, TEXT_DICT, Registered
from scaffold.spec.values import Hole
from scaffold.strategy import decide as decide_module
from scaffold.strategy.decide import Decision, decide
from scaffold.strategy.protocol import Adds, Answer, Question, Strategy
from scaffold.strategy.table import BY_NAME, NAMES, STRATEGIES, strategy_named

NOVA = "NovaForCausalLM"
OWN = Registered(NOVA, "nova_of_vllm", "NovaModel", TEXT_DICT)
BACKEND = Registered(NOVA, "transformers", "TransformersForCausalLM", BACKEND_DICT)
NO_LIKES = "alias: none of 0 registered architectures with such tensor names has this spec"
RIGHT_NAMES = "mapped: the tensors have the names that the source gives them"
ABSENT = f"supported: {NOVA} is not in the registry"


@pytest.fixture
def reading(nova: Path) -> Reading:
    return read_model_of(read_checkpoint(nova))


def with_hole(reading: Reading) -> Reading:
    holes = (Hole("layer", "a norm of no known form", "nova.py:7"),)
    text = replace(reading.spec.text, decoder=None, holes=holes)
    return replace(reading, spec=replace(reading.spec, text=text))


def inside_of_more(reading: Reading) -> Reading:
    assert reading.spec.decoder is not None
    decoder = replace(reading.spec.decoder, text_key="text_config")
    return replace(reading, spec=replace(reading.spec, text=replace(reading.spec.text, decoder=decoder)))


@pytest.mark.parametrize(
    ("changed", "registered", "chosen", "why"),
    [
        (None, [OWN], "supported", [f"supported: {NOVA} is registered (nova_of_vllm.NovaModel)"]),
        (None, [], "native", [ABSENT, NO_LIKES, RIGHT_NAMES, "native: every block was recognised"]),
        (
            None,
            [BACKEND],
            "native",
            [f"supported: {NOVA} is registered for the Transformers backend only", NO_LIKES,
             RIGHT_NAMES, "native: every block was recognised"],
        ),
        (
            with_hole,
            [],
            "transformers",
            [ABSENT, "alias: the spec has holes, so it cannot be compared",
             "mapped: the spec has holes, so it cannot be told what its tensors should be called",
             "native: a norm of no known form (nova.py:7)",
             "transformers: vLLM's Transformers backend is what is left"],
        ),
        (
            inside_of_more,
            [],
            "transformers",
            [ABSENT, NO_LIKES, RIGHT_NAMES,
             "native: the decoder inside of text_config was read, and an adapter of the parts around it is not "
             "generated yet",
             "transformers: vLLM's Transformers backend is what is left"],
        ),
    ],
)  # fmt: skip
def test_the_first_that_holds_is_chosen_and_those_before_it_say_why_not(
    reading: Reading,
    changed: Callable[[Reading], Reading] | None,
    registered: list[Registered],
    chosen: str,
    why: list[str],
) -> None:
    question = Question(changed(reading) if changed else reading, {one.architecture: one for one in registered})
    decision = decide(question)
    assert (decision.strategy.name, list(decision.why)) == (chosen, why)
    assert decision.entry == (OWN if chosen == "supported" else None)


@pytest.mark.parametrize("asked", NAMES)
def test_one_that_is_asked_for_is_taken_or_refused_for_its_own_reason(reading: Reading, asked: str) -> None:
    question = Question(with_hole(reading), {})
    if asked == "transformers":
        assert decide(question, asked).strategy is BY_NAME[asked]
        return
    with pytest.raises(CheckFailed) as refused:
        decide(question, asked)
    assert refused.value.found == f"{asked}: {BY_NAME[asked].holds(question).reason}"
    assert refused.value.where == f"--strategy {asked}"


@pytest.mark.parametrize("registry", [{}, {NOVA: OWN}], ids=["unknown", "known"])
def test_those_before_the_one_asked_for_are_heard_up_to_the_first_that_holds(
    reading: Reading, registry: dict[str, Registered]
) -> None:
    decision = decide(Question(reading, registry), "native")
    heard = [strategy.name for strategy, _ in decision.answers]
    assert heard == (["supported", "native"] if registry else ["supported", "alias", "mapped", "native"])
    assert decision.answers[0][1].holds == bool(registry)


def test_a_strategy_that_another_version_wrote_down_is_a_clear_error() -> None:
    with pytest.raises(UsageError) as refused:
        strategy_named("guessed")
    assert (refused.value.found, refused.value.exit_code) == ("strategy 'guessed'", 2)
    assert "scaffold new-model" in refused.value.remedy


def test_one_that_was_shown_to_be_wrong_is_passed_over_and_says_what_showed_it(reading: Reading) -> None:
    question = Question(reading, {NOVA: OWN})
    decision = decide(question, refuted={"supported": "the twin showed it"})
    assert (decision.strategy.name, decision.entry) == ("native", None)
    assert decision.why[0] == "supported: the twin showed it"
    with pytest.raises(CheckFailed):
        decide(question, refuted=dict.fromkeys(NAMES, "wrong"))


def test_a_decision_remembers_nothing(reading: Reading) -> None:
    question = Question(reading, {})
    first = decide(question)
    decide(Question(with_hole(reading), {NOVA: OWN}))
    assert decide(question) == first == Decision(first.strategy, first.answers)


def test_a_strategy_is_a_row(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more strategy is a value in the table: nothing else knows their names."""
    answer = Answer(True, "only names differ", OWN)
    mapped = Strategy("renamed", lambda question: answer, Adds.REGISTRATION, "Add {name}", "A mapper stands before it.")
    monkeypatch.setattr(decide_module, "STRATEGIES", (STRATEGIES[0], mapped, *STRATEGIES[1:]))
    decision = decide(Question(reading, {}))
    assert (decision.strategy, decision.entry) == (mapped, OWN)
    assert decision.why == (ABSENT, "renamed: only names differ")
