"""Codemods of vllm-ascend's package and its tests."""
