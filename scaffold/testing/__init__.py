"""For tests of weight rules: mutations of checkpoints, Hypothesis strategies, ready-made properties.

Needs the extra ``testing`` (Hypothesis).
"""
