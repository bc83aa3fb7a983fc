"""Tools for testing weight rules: mutations of checkpoints, Hypothesis strategies, ready-made properties.

Requires the extra ``testing`` (Hypothesis).
"""
