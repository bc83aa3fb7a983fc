"""The target's source trees, read as text: nothing of them is ever imported."""
