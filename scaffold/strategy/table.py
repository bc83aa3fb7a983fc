"""All strategies, the smallest change first: ``--strategy auto`` takes the first that holds."""

from __future__ import annotations

from scaffold.common.errors import UsageError
from scaffold.strategy.alias import ALIAS
from scaffold.strategy.mapped import MAPPED
from scaffold.strategy.native import NATIVE
from scaffold.strategy.protocol import Strategy
from scaffold.strategy.supported import SUPPORTED
from scaffold.strategy.transformers_backend import TRANSFORMERS

STRATEGIES: tuple[Strategy, ...] = (SUPPORTED, ALIAS, MAPPED, NATIVE, TRANSFORMERS)
BY_NAME = {strategy.name: strategy for strategy in STRATEGIES}
NAMES = tuple(BY_NAME)


def strategy_named(name: str) -> Strategy:
    """Return a strategy of a plan that was kept.

    Raises:
        UsageError: there is none of this name, as in a plan of another version of this tool.
    """
    if name in BY_NAME:
        return BY_NAME[name]
    raise UsageError(
        f"strategy {name!r}",
        where="the plan that is kept for this model",
        expected=f"one of {', '.join(NAMES)}",
        remedy="run scaffold new-model for this model again, which writes the plan anew",
    )
