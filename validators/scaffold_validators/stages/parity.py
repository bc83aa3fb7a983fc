"""Stage P, on the server of stage B: the same tokens through it and through transformers give the same numbers."""

from __future__ import annotations

from scaffold_validators.openai_api import Client
from scaffold_validators.outcome import Conclusion
from scaffold_validators.parity import compare, make_prompts, run_reference
from scaffold_validators.stages.stage import Answers, Ask, Gate


def prepare(gate: Gate) -> Ask:
    """Run the reference implementation; return what compares the server with it.

    Raises:
        Problem: there is no reference.
    """
    plan = gate.plan
    gate.report("stage parity: running the reference implementation (transformers)")
    prompts = run_reference(plan.engine, plan.model, make_prompts(gate.vocab_size), plan.trust_remote_code)

    def ask(client: Client) -> Answers:
        gate.report("stage parity: the same tokens through the server and the reference")
        found = compare(client, plan.served_model_name, prompts)
        return Answers(numbers=found.numbers(), conclusion=Conclusion(found.outcome, found.reason))

    return ask
