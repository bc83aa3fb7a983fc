"""Stage B: the checkpoint's weights, which the log has to say were loaded from files."""

from __future__ import annotations

from scaffold_validators.log_scan import weights_loaded
from scaffold_validators.outcome import Conclusion, Outcome
from scaffold_validators.stages import conclude
from scaffold_validators.stages.stage import Answers, Served


def judge(served: Served, answers: Answers) -> Conclusion:
    """Conclude by the common rules, and by what the log says of the weights."""
    found = conclude.judge(served, answers)
    if found.outcome is Outcome.PASSED and weights_loaded(served.log) is None:
        return Conclusion(Outcome.STARTUP_FAILED, "the log does not say that weights were loaded from files")
    return found
