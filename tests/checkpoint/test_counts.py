"""Counts of a config: ``false`` counts nothing, as some published configs have it for what is switched off."""

from __future__ import annotations

import pytest

from scaffold.checkpoint.config_types import check_config
from scaffold.common.errors import CheckpointError


@pytest.mark.parametrize("changed", [{"n_group": False}, {"topk_group": False, "n_group": [0, False]}])
def test_false_counts_nothing(changed: dict[str, object]) -> None:
    check_config(changed)


@pytest.mark.parametrize("changed", [{"n_group": True}, {"hidden_size": False}, {"num_hidden_layers": False}])
def test_what_is_no_number_is_none(changed: dict[str, object]) -> None:
    with pytest.raises(CheckpointError, match="a whole number"):
        check_config(changed)
