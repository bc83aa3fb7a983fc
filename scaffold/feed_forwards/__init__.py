"""Kinds of feed-forward blocks."""
