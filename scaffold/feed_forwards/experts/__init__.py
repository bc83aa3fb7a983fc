"""Routed experts, with shared ones beside them."""
