"""Where an adapter goes: into vLLM's tree, into vllm-ascend, or into a plugin; and patches beside it."""
