"""Weight rules: which tensor of a checkpoint fills which parameter, as values that can be read and proved."""
