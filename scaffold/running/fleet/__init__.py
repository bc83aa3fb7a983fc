"""Gates of several planned models: a list, a place for each, one table."""
