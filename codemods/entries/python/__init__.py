"""Lists in Python source: brackets read where Python's own parser found them, and written as formatters do."""
