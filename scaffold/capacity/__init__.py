"""What fits where: bytes of weights per rank, bytes of KV cache, and the smallest number of ranks on a node."""
