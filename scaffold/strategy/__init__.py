"""The smallest change that works, and why nothing smaller does."""
