"""All strategies, the smallest change first: ``--strategy auto`` takes the first that holds."""

from __future__ import annotations

from scaffold.strategy.alias import ALIAS
from scaffold.strategy.native import NATIVE
from scaffold.strategy.protocol import Strategy
from scaffold.strategy.supported import SUPPORTED
from scaffold.strategy.transformers_backend import TRANSFORMERS

STRATEGIES: tuple[Strategy, ...] = (SUPPORTED, ALIAS, NATIVE, TRANSFORMERS)
BY_NAME = {strategy.name: strategy for strategy in STRATEGIES}
NAMES = tuple(BY_NAME)
