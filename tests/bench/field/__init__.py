"""Published configs: what the tool says of each, beside what transformers' own modules are (``make bench-field``)."""
