"""Codemods of vLLM's source tree."""
