"""Arithmetic over config keys as values: made by readers, written out by adapters, evaluated by tests."""
