"""Reading a checkpoint directory: config, shards, headers, tokenizer and processor files. Untrusted data."""
