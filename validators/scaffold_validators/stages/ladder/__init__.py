"""What is tried where a server fails, step by step, until the failure changes."""
