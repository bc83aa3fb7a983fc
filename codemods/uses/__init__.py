"""Who uses a function or class of a source tree: the modules that imported it by name, and what keeps it otherwise."""
