"""The feature matrix: a row for each feature, from the stage where it was run, else from the checkpoint alone."""

from __future__ import annotations

from collections.abc import Sequence

from scaffold.evidence.account import Account
from scaffold.report.value import FeatureRow, Run
from scaffold_validators.stages.features.table import FEATURES, Feature


def features_of(current: Sequence[Run], account: Account | None) -> tuple[FeatureRow, ...]:
    """Return the rows in the order of the table; of several runs the newest that has a feature's result counts."""
    results = {result.feature: result for run in current for result in run.verdict.features}
    rows = []
    for feature in FEATURES:
        result = results.get(feature.name)
        if result is None:
            rows.append(_without_server(feature, account))
            continue
        numbers = result.numbers or None
        rows.append(
            FeatureRow(feature.name, feature.title, result.state, result.evidence, result.command, result.log, numbers)
        )
    return tuple(rows)


def _without_server(feature: Feature, account: Account | None) -> FeatureRow:
    """Return what the checkpoint decides by itself: that the model does not have it, or lacks its tensors."""
    known = feature.applies(account.feature_facts) if account is not None else None
    if known is None:
        return FeatureRow(feature.name, feature.title, None, "")
    return FeatureRow(feature.name, feature.title, *known)
