"""What mixes tokens: each kind with its facts, reader, weight rules, adapter, capacity and example side by side."""
