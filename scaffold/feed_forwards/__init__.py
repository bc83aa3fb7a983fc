"""What works on each token alone: each kind with its facts, reader, weight rules, adapter and example side by side."""
