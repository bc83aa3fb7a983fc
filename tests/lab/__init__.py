"""The laboratory: a real CPU engine, real source trees, real small checkpoints, for tests, demo and benchmarks.

Nothing here is committed: all of it is fetched or made once, into a cache outside of the repository
(``$SCAFFOLD_CACHE``, else ``$XDG_CACHE_HOME/vllm-ascend-scaffold``, else ``~/.cache/vllm-ascend-scaffold``).
"""
