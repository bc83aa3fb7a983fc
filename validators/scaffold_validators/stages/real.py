"""Stage B: the checkpoint's weights, which the log has to say were loaded from files, all of them."""

from __future__ import annotations

from scaffold_validators.log_scan import weights_loaded
from scaffold_validators.outcome import Conclusion, Outcome
from scaffold_validators.stages import conclude
from scaffold_validators.stages.stage import Answers, Served
from scaffold_validators.stages.weights import weight_warnings


def judge(served: Served, answers: Answers) -> Conclusion:
    """Conclude by the common rules, and by what the log says of the weights."""
    found = conclude.judge(served, answers)
    if found.outcome is not Outcome.PASSED:
        return found
    if weights_loaded(served.log) is None:
        return Conclusion(Outcome.STARTUP_FAILED, "the log does not say that weights were loaded from files")
    warned = weight_warnings(served.log, served.allow)
    if warned:
        said = "; ".join(map(str, warned))
        return Conclusion(
            Outcome.STARTUP_FAILED,
            f"the log warns of weights: {said}",
            cause=warned[0].line,
            signature=warned[0].kind.id,
            next_step=f"correct the weight rules; where it is harmless, pass --allow {warned[0].kind.id}",
        )
    return found
