"""From a model spec to the template's context: which of vLLM's layers each block becomes."""
