"""Codemods of a model's own file: how its weights are named and loaded, its norms, what it borrows."""
