"""Modeling source as labs ship it, written for transformers 4: a decoder of ours, and forms that parts of it take."""
