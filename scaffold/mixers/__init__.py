"""Kinds of sequence mixers: how tokens of a sequence see each other."""
