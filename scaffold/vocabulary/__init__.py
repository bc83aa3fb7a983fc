"""The vocabulary of configs: what sizes and switches are called, their types, how probes and the twin size them."""
