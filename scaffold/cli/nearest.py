"""The nearest registered models and the differences to them, as a part of the JSON document."""

from __future__ import annotations

from typing import Any

from scaffold.strategy.differences import Differences


def differences_document(one: Differences) -> dict[str, Any]:
    """Return what JSON documents say of a registered model that is near."""
    return {
        "architecture": one.entry.architecture,
        "likeness": one.near.likeness,
        "only_here": list(one.near.only_here),
        "only_there": list(one.near.only_there),
        "spec": None if one.spec is None else list(one.spec),
        "config_keys": list(one.config_keys),
        "version": one.version,
    }
