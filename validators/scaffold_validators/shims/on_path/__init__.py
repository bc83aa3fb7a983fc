"""A folder for the path of an engine's processes: a plugin of vLLM's with its metadata, as if pip had installed it."""
