"""What becomes of a model on an NPU: kernels that it reaches, read from the trees of vLLM and vllm-ascend."""
