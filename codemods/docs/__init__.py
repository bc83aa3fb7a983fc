"""Codemods of vllm-ascend's documentation: its index page, its navigation, its titles."""
