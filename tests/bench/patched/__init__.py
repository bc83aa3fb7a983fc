"""Patches of sampled functions, methods and classes of vLLM, written by the codemod and applied in the real engine."""
