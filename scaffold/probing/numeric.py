"""Comparison of what two computations give: equal to rounding, or not at all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scaffold.source.torch.tensors import Array

TOLERANCE = 1e-9
"""Relative. Probes run in float64: equal forms differ by some 1e-14, different ones by a per cent or more."""

NEGLIGIBLE = 1e-6
"""A coefficient that small beside the others is left out if the sum is the same without it."""


def same(left: Array, right: Array) -> bool:
    """Return whether two arrays have one shape and one content."""
    if left.shape != right.shape or not np.all(np.isfinite(left)):
        return False
    scale = float(np.max(np.abs(right), initial=1e-300))
    return bool(np.max(np.abs(left - right), initial=0.0) <= TOLERANCE * scale)


def combination(target: Array, basis: Mapping[str, Array]) -> tuple[tuple[str, float], ...] | None:
    """Return the coefficients with which ``target`` is a sum of the basis, or None if it is not one.

    Coefficients of 0 are left out; all arrays have the shape of ``target``.
    """
    names = [name for name, array in basis.items() if array.shape == target.shape]
    if not names:
        return None
    matrix = np.stack([basis[name].ravel() for name in names], axis=1)
    scale = np.linalg.norm(matrix, axis=0)
    coefficients = np.linalg.lstsq(matrix / scale, target.ravel(), rcond=None)[0] / scale
    if not same((matrix @ coefficients).reshape(target.shape), target):
        return None
    used = [name for name, c in zip(names, coefficients) if abs(c) > NEGLIGIBLE * np.max(np.abs(coefficients))]
    if len(used) < len(names):  # of arrays that are nearly alike, rounding leaves a trace of what is not used
        without = combination(target, {name: basis[name] for name in used})
        if without is not None:
            return without
    return tuple((name, float(c)) for name, c in zip(names, coefficients) if abs(c) > TOLERANCE)
