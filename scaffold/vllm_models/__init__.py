"""The modules of an existing vLLM model file, read without running it: which names its loader takes."""
